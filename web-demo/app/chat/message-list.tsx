/**
 * The scrolling list. The reader's place is sacred: rows added above or below never move what is
 * being read; only somebody at the very bottom follows new messages.
 */
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ArrowDown, ArrowUp } from 'lucide';
import type { Channel, OutboxItem, Thread } from '../../sdk/index';
import { announceMessage, announceReaction } from '../a11y/announcer';
import { convene } from '../client';
import { dayLabel } from '../format';
import { readReactions } from '../prefs';
import { blocked, jumpTo, me, nameOf, timelineTick, toPresent } from '../store';
import { t } from '../strings';
import { Boundary } from '../ui/boundary';
import { Icon } from '../ui/icon';
import { editing, focusComposer } from './editing';
import { estimate, toRows, type Row } from './group';
import { MessageRow, PendingRow } from './message-row';
import { useNewLine } from './use-new-line';
import { useReading } from './use-reading';
import { useVirtual } from './use-virtual';

/** Closer to the end than this counts as being there. */
const BOTTOM_PX = 48;
/** Loading starts this far before the edge. */
const AHEAD_PX = 600;
/** Room for the line above that tells that earlier messages come. */
const OLDER_PX = 44;
const END_PX = 8;
/** About how high what is no message will be, before it was seen. */
const START_PX = 110;
const PENDING_PX = 62;

type Item = { type: 'start'; key: string } | { type: 'message'; key: string; row: Row } | { type: 'pending'; key: string; item: OutboxItem };

/** A channel's timeline, or that of one of its threads. */
export function MessageList({ channel, title, thread }: { channel: Channel; title: string; thread?: Thread }) {
  const id = thread?.root.id ?? channel.id;
  const { unread, readSeq } = thread ?? channel;
  void timelineTick.value[id];
  const timeline = convene.chat.timeline(id);
  const { loaded, hasMoreBefore, hasMoreAfter } = timeline;
  const pending = hasMoreAfter ? [] : convene.chat.outbox.items(id);
  const scroller = useRef<HTMLDivElement>(null);
  const [atBottom, setAtBottom] = useState(true);
  const [loadingOlder, setLoadingOlder] = useState(false);
  const [unseen, setUnseen] = useState(0);
  /** The one row that Tab stops at; without, the last one. */
  const [active, setActive] = useState('');
  const focused = useRef('');
  const wantsFocus = useRef('');
  const failed = useRef(false);
  const target = jumpTo.value?.place === id ? jumpTo.value.messageId : '';
  const goesToEnd = useRef(target === '');
  const wasPresent = useRef(false);

  // The line is set on entering and stays until leaving.
  const newAfter = useRef<number | null | undefined>(undefined);
  const newCount = useRef(0);
  // What is shown from last time does not know yet what is new.
  const { fresh } = convene.chat;
  if (newAfter.current === undefined && loaded && fresh) {
    newAfter.current = unread > 0 ? readSeq : null;
    newCount.current = unread;
  }

  const myId = me.value?.id ?? '';
  const rows = useMemo(
    () => toRows(timeline.messages, newAfter.current ?? null, myId, { hasMoreBefore, root: thread?.root }),
    [timeline.messages, hasMoreBefore, newAfter.current, myId, thread?.root],
  );
  const items: Item[] = [
    ...(loaded && !hasMoreBefore ? [{ type: 'start' as const, key: thread?.root.id ?? 'start' }] : []),
    ...rows.map((row) => ({ type: 'message' as const, key: row.key, row })),
    ...pending.map((item) => ({ type: 'pending' as const, key: item.nonce, item })),
  ];
  const keys = items.map((item) => item.key);
  const lastKey = keys.at(-1) ?? '';
  const tabKey = keys.includes(active) ? active : lastKey;

  const { list, run, pinned, height } = useVirtual({
    scroller,
    keys,
    estimate: (index) => {
      const item = items[index];
      return item?.type === 'message' ? estimate(item.row) : item?.type === 'pending' ? PENDING_PX : START_PX;
    },
    // A page that reaches the present was not written now.
    follow: wasPresent.current && !hasMoreAfter,
    endPx: hasMoreAfter ? -1 : BOTTOM_PX,
    paddingStart: hasMoreBefore ? OLDER_PX : 0,
    paddingEnd: END_PX,
    pinned: [focused.current, editing.value ?? ''],
  });

  const toEnd = () => {
    goesToEnd.current = true;
    setUnseen(0);
    if (hasMoreAfter) void convene.chat.loadTail(id).catch(() => (goesToEnd.current = false));
    else settle();
  };
  const settle = () => {
    if (!goesToEnd.current || !loaded || convene.chat.timeline(id).hasMoreAfter) return;
    goesToEnd.current = false;
    list.scrollToEnd();
  };

  const show = (key: string, align: 'center' | 'auto', focus: boolean) => {
    const index = keys.indexOf(key);
    if (index < 0) return false;
    goesToEnd.current = false;
    list.scrollToIndex(index, { align });
    if (focus) {
      // It stays an element while it has the focus, wherever it is scrolled to.
      focused.current = key;
      wantsFocus.current = key;
      setActive(key);
    }
    return true;
  };

  const newLine = useNewLine({
    scroller,
    keys,
    lineKey: rows.find((row) => row.line)?.key ?? '',
    earlier: hasMoreBefore && (timeline.messages[0]?.seq ?? 0) > (newAfter.current ?? Infinity),
    first: run.first,
    load: () => convene.chat.loadAround(id, (newAfter.current ?? 0) + 1),
    show: (key) => show(key, 'center', true),
  });

  useLayoutEffect(() => {
    wasPresent.current = loaded && !hasMoreAfter;
    settle();
  }, [timeline]);

  useLayoutEffect(() => {
    if (target && loaded && show(target, 'center', true)) jumpTo.value = null;
  }, [target, loaded, timeline]);

  // What is changed stands where it can be seen.
  useLayoutEffect(() => {
    if (editing.value) show(editing.value, 'auto', false);
  }, [editing.value]);

  // Whoever writes wants to see it go.
  const sent = useRef<ReadonlySet<string> | null>(null);
  useLayoutEffect(() => {
    const now = new Set(convene.chat.outbox.items(id).map((item) => item.nonce));
    const before = sent.current;
    sent.current = now;
    if (before && [...now].some((nonce) => !before.has(nonce))) toEnd();
  });

  const wanted = useRef(toPresent.value);
  useLayoutEffect(() => {
    const now = toPresent.value;
    if (now !== wanted.current && now.place === id) toEnd();
    wanted.current = now;
  }, [toPresent.value]);

  const look = (scrolled = false) => {
    const element = scroller.current;
    if (!element || !loaded || goesToEnd.current) return;
    newLine.look(scrolled);
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    const bottom = left <= BOTTOM_PX && !hasMoreAfter;
    setAtBottom(bottom);
    if (bottom) setUnseen(0);
    if (failed.current) return;
    if (element.scrollTop < AHEAD_PX && hasMoreBefore && !loadingOlder) void older();
    if (left < AHEAD_PX && hasMoreAfter) convene.chat.loadNewer(id).catch(() => (failed.current = true));
  };
  const older = async () => {
    setLoadingOlder(true);
    try {
      await convene.chat.loadOlder(id);
    } catch {
      // Tried again by the next scroll.
      failed.current = true;
    } finally {
      setLoadingOlder(false);
    }
  };
  useLayoutEffect(() => look());

  const following = useRef(atBottom);
  following.current = atBottom;
  useEffect(() => {
    const off = convene.chat.events.on('message', (m) => {
      if ((m.threadId || m.channelId) !== id || m.authorId === me.value?.id || m.type === 'system' || blocked.value.has(m.authorId)) return;
      if (!following.current) setUnseen((n) => n + 1);
      announceMessage(id, title, t.chat.announce(nameOf(m.authorId, m.authorName), m.content));
    });
    const offReaction = convene.chat.events.on('reaction', ({ message, emoji, userId }) => {
      if ((message.threadId || message.channelId) !== id || readReactions.value === 'off' || blocked.value.has(userId)) return;
      announceReaction(t.chat.announceReaction(nameOf(userId), emoji), emoji);
    });
    return () => {
      off();
      offReaction();
    };
  }, [id]);

  useReading({
    bottom: fresh && atBottom && !hasMoreAfter && unread > 0 ? (timeline.messages.at(-1)?.seq ?? 0) : 0,
    readSeq,
    read: (upTo) => (thread ? convene.chat.threads.markRead(id, upTo) : convene.chat.markRead(id, upTo)),
  });

  // One stop for Tab: the controls of other rows are reached through their rows.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    for (const row of element.querySelectorAll<HTMLElement>('[data-row]')) {
      const here = row.dataset['row'] === tabKey;
      row.tabIndex = here ? 0 : -1;
      for (const control of row.querySelectorAll<HTMLElement>(':is(.message-main, .message-actions) :is(a, button, pre):not([role=menuitem])')) control.tabIndex = here ? 0 : -1;
    }
    const key = wantsFocus.current;
    const row = key && element.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`);
    if (!row) return;
    wantsFocus.current = '';
    row.focus({ preventScroll: true });
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const at = event.target instanceof HTMLElement && event.target.matches('[data-row]') ? keys.indexOf(event.target.dataset['row'] ?? '') : -1;
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const first = keys[0] === 'start' ? 1 : 0;
    const to = { ArrowUp: Math.max(first, at - 1), ArrowDown: at + 1, Home: first, End: keys.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const key = keys[to];
    if (key === undefined) focusComposer(id);
    else show(key, 'auto', true);
  };

  const rendered = useRef(new Map<string, { of: unknown; vnode: VNode }>());
  const contentOf = (item: Item): VNode => {
    const of = item.type === 'message' ? item.row : item.type === 'pending' ? item.item : null;
    const known = rendered.current.get(item.key);
    if (known && item.type === 'message' && same(known.of as Row, item.row)) return known.vnode;
    const vnode = render(item);
    rendered.current.set(item.key, { of, vnode });
    return vnode;
  };
  const render = (item: Item): VNode => {
    if (item.type === 'pending') return <PendingRow item={item.item} />;
    if (item.type === 'start') return <Start title={title} alone={channel.kind === 'dm'} thread={thread} />;
    const { message, head, day, line } = item.row;
    return (
      <>
        {day && <Divider text={dayLabel(message.createdAt)} />}
        {line && <Divider text={t.chat.newLine} fresh />}
        <Boundary name="message" fallback={null}>
          <MessageRow message={message} head={head} main={!thread} />
        </Boundary>
      </>
    );
  };
  const rowAt = (index: number, top?: number) => {
    const item = items[index];
    return (
      item && (
        <div key={item.key} class={top === undefined ? 'row-box' : 'row-box row-away'} style={top === undefined ? {} : { top: `${top}px` }} data-index={index} ref={list.measureElement}>
          {contentOf(item)}
        </div>
      )
    );
  };
  const there = Array.from({ length: Math.max(0, run.last - run.first + 1) }, (_, i) => run.first + i);
  const elements = [...there.map((index) => rowAt(index)), ...pinned.map(({ index, top }) => rowAt(index, top))];
  const live = new Set([...there, ...pinned.map((one) => one.index)].map((index) => keys[index]));
  for (const key of rendered.current.keys()) if (!live.has(key)) rendered.current.delete(key);

  const count = hasMoreAfter ? timeline.newBelow : unseen;
  return (
    <div class="messages-wrap">
      {newLine.above && (
        <button type="button" class="jump jump-up" onClick={newLine.go} data-testid="jump-new">
          <Icon node={ArrowUp} size={16} />
          {t.chat.newAbove(newCount.current)}
        </button>
      )}
      <div
        class="messages"
        ref={scroller}
        onScroll={() => {
          failed.current = false;
          look(true);
        }}
        onKeyDown={onKeyDown}
        onFocusIn={(event) => {
          const row = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-row]') : null;
          focused.current = row?.dataset['row'] ?? '';
          if (row) setActive(focused.current);
        }}
        onFocusOut={() => (focused.current = '')}
        role="region"
        aria-label={thread ? t.chat.thread : t.chat.messages}
        aria-busy={!loaded || loadingOlder}
        tabIndex={items.length === 0 ? 0 : -1}
        data-testid={thread ? 'thread-messages' : 'messages'}
        data-loaded={loaded}
        data-first-seq={timeline.messages[0]?.seq}
        data-more-before={hasMoreBefore}
        data-more-after={hasMoreAfter}
      >
        <div class="messages-inner">
          {!loaded && <Skeleton />}
          <div class="messages-sizer" style={{ height: `${height}px` }}>
            {loaded && hasMoreBefore && <p class="messages-older">{t.chat.loadingOlder}</p>}
            <div class="messages-run" style={{ top: `${run.top}px` }}>
              {elements}
            </div>
          </div>
        </div>
      </div>
      {!atBottom && loaded && (
        <button type="button" class="jump" onClick={toEnd} data-testid="jump">
          <Icon node={ArrowDown} size={16} />
          {count === 0 ? t.chat.jump : hasMoreAfter ? t.chat.newDetached(count) : t.chat.newMessages(count)}
        </button>
      )}
    </div>
  );
}

const same = (a: Row, b: Row): boolean => a.message === b.message && a.head === b.head && a.day === b.day && a.line === b.line;

function Divider({ text, fresh = false }: { text: string; fresh?: boolean }) {
  return (
    <div class={fresh ? 'divider divider-new' : 'divider'} role="separator" aria-label={text}>
      <span>{text}</span>
    </div>
  );
}

/** What stands above the first message. */
function Start({ title, alone, thread }: { title: string; alone: boolean; thread: Thread | undefined }) {
  if (thread) {
    return (
      <>
        <MessageRow message={thread.root} head />
        <Divider text={t.chat.replies(thread.root.thread?.count ?? 0)} />
      </>
    );
  }
  return (
    <div class="messages-start">
      <h2 dir="auto">{t.chat.start(title, alone)}</h2>
      <p>{t.chat.startHint}</p>
    </div>
  );
}

function Skeleton() {
  return (
    <div class="skeleton" aria-hidden="true">
      {[62, 84, 40, 71, 55].map((w, i) => (
        <div key={i} class="skeleton-row">
          <span class="skeleton-avatar" />
          <span class="skeleton-line" style={{ width: `${w}%` }} />
        </div>
      ))}
    </div>
  );
}
