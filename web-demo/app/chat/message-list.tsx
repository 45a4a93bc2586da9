/**
 * The scrolling list. The reader's place is sacred: rows added above or below never move what is
 * being read; only somebody at the very bottom follows new messages.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ArrowDown } from 'lucide';
import type { Channel, Message, Thread } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { dayLabel } from '../format';
import { blocked, jumpTo, me, nameOf, timelineTick } from '../store';
import { t } from '../strings';
import { Boundary } from '../ui/boundary';
import { Icon } from '../ui/icon';
import { toRows } from './group';
import { MessageRow, PendingRow } from './message-row';

/** Closer to the end than this counts as being there. */
const BOTTOM_PX = 48;
/** Loading starts this far before the edge. */
const AHEAD_PX = 600;
/** How long the last row must be in view before it counts as read. */
const READ_AFTER_MS = 1_000;
const GLANCE_MS = 300;

interface Anchor {
  id: string;
  top: number;
}

/** A channel's timeline, or that of one of its threads. */
export function MessageList({ channel, title, thread }: { channel: Channel; title: string; thread?: Thread }) {
  const id = thread?.root.id ?? channel.id;
  const { unread, readSeq } = thread ?? channel;
  void timelineTick.value[id];
  const timeline = convene.chat.timeline(id);
  const pending = convene.chat.outbox.items(id);
  const markRead = () => (thread ? convene.chat.threads.markRead(id) : convene.chat.markRead(id));
  const scroller = useRef<HTMLDivElement>(null);
  const stick = useRef(true);
  const anchor = useRef<Anchor | null>(null);
  const [atBottom, setAtBottom] = useState(true);
  const [loadingOlder, setLoadingOlder] = useState(false);
  const [unseen, setUnseen] = useState(0);

  // The line is set on entering and stays until leaving.
  const newAfter = useMemo(() => (unread > 0 ? readSeq : null), [id]);
  const myId = me.value?.id ?? '';
  const rows = useMemo(() => toRows(timeline.messages, newAfter, myId), [timeline.messages, newAfter, myId]);

  // Where the reader is, noted before the list changes …
  const before = scroller.current;
  if (before && !stick.current) anchor.current = findAnchor(before);

  const target = jumpTo.value?.place === id ? jumpTo.value.messageId : '';

  // … and restored after it did.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const wanted = target && element.querySelector<HTMLElement>(`[data-row="${CSS.escape(target)}"]`);
    if (wanted) {
      stick.current = false;
      wanted.scrollIntoView({ block: 'center' });
      wanted.focus({ preventScroll: true });
      jumpTo.value = null;
      // Where nothing had to move, nothing tells where the reader is now.
      onScroll();
      return;
    }
    if (stick.current) {
      element.scrollTop = element.scrollHeight;
      return;
    }
    const was = anchor.current;
    const row = was && element.querySelector<HTMLElement>(`[data-row="${CSS.escape(was.id)}"]`);
    if (was && row) element.scrollTop += row.getBoundingClientRect().top - was.top;
  }, [timeline.messages, pending.length, timeline.loaded, loadingOlder, target]);

  // Text that wraps again, a keyboard that opens: the bottom stays the bottom.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      if (stick.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    let summary: ReturnType<typeof setTimeout> | undefined;
    let waiting: Message[] = [];
    const off = convene.chat.events.on('message', (m) => {
      if ((m.threadId || m.channelId) !== id || m.authorId === me.value?.id || m.type === 'system' || blocked.value.has(m.authorId)) return;
      if (!stick.current) setUnseen((n) => n + 1);
      waiting.push(m);
      summary ??= setTimeout(() => {
        summary = undefined;
        const [only] = waiting;
        if (waiting.length === 1 && only) announce(t.chat.announce(nameOf(only.authorId, only.authorName), only.content));
        else announce(t.chat.announceMany(waiting.length, title));
        waiting = [];
      }, 1_200);
    });
    return () => {
      off();
      clearTimeout(summary);
    };
  }, [id]);

  // Read = the page is looked at and the last row is in view for a moment.
  useEffect(() => {
    if (!atBottom || timeline.hasMoreAfter || unread === 0) return;
    const since = performance.now();
    const looked = () => {
      if (document.visibilityState === 'visible' && document.hasFocus()) markRead();
    };
    const timer = setTimeout(looked, READ_AFTER_MS);
    const focused = () => markRead();
    addEventListener('focus', focused);
    return () => {
      clearTimeout(timer);
      removeEventListener('focus', focused);
      // Whoever goes on to another view has seen it; whoever only passes by has not.
      if (performance.now() - since >= GLANCE_MS) looked();
    };
  }, [id, atBottom, timeline.messages, unread, timeline.hasMoreAfter]);

  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    const bottom = left <= BOTTOM_PX && !timeline.hasMoreAfter;
    stick.current = bottom;
    setAtBottom(bottom);
    if (bottom) setUnseen(0);
    if (element.scrollTop < AHEAD_PX && timeline.hasMoreBefore && !loadingOlder) void older();
    if (left < AHEAD_PX && timeline.hasMoreAfter) void convene.chat.loadNewer(id).catch(() => {});
  };

  const older = async () => {
    setLoadingOlder(true);
    try {
      await convene.chat.loadOlder(id);
    } catch {
      // Tried again by the next scroll.
    } finally {
      setLoadingOlder(false);
    }
  };

  // A first page shorter than the screen cannot be scrolled.
  useEffect(() => {
    const element = scroller.current;
    if (element && timeline.hasMoreBefore && !loadingOlder && element.scrollHeight <= element.clientHeight + 1) void older();
  }, [timeline.messages]);

  const jump = () => {
    stick.current = true;
    setUnseen(0);
    const done = timeline.hasMoreAfter ? convene.chat.loadTail(id) : Promise.resolve();
    void done.then(() => {
      const element = scroller.current;
      if (element) element.scrollTop = element.scrollHeight;
      setAtBottom(true);
    });
  };

  const count = unseen + timeline.newBelow;
  return (
    <div class="messages-wrap">
      <div
        class="messages"
        ref={scroller}
        onScroll={onScroll}
        role="region"
        aria-label={thread ? t.chat.thread : t.chat.messages}
        aria-busy={!timeline.loaded || loadingOlder}
        tabIndex={0}
        data-testid={thread ? 'thread-messages' : 'messages'}
        data-loaded={timeline.loaded}
        data-more-before={timeline.hasMoreBefore}
      >
        <div class="messages-inner">
          {!timeline.loaded && <Skeleton />}
          {timeline.loaded && timeline.hasMoreBefore && <p class="messages-older">{t.chat.loadingOlder}</p>}
          {thread && timeline.loaded && !timeline.hasMoreBefore && (
            <>
              <MessageRow message={thread.root} head />
              <div class="divider" role="separator" aria-label={t.chat.replies(thread.root.thread?.count ?? 0)}>
                <span>{t.chat.replies(thread.root.thread?.count ?? 0)}</span>
              </div>
            </>
          )}
          {!thread && timeline.loaded && !timeline.hasMoreBefore && (
            <div class="messages-start">
              <h2 dir="auto">{t.chat.start(title)}</h2>
              <p>{t.chat.startHint}</p>
            </div>
          )}
          {rows.map((row) =>
            row.type === 'day' ? (
              <div key={row.key} class="divider" role="separator" aria-label={dayLabel(row.at)}>
                <span>{dayLabel(row.at)}</span>
              </div>
            ) : row.type === 'new' ? (
              <div key={row.key} class="divider divider-new" role="separator" aria-label={t.chat.newLine}>
                <span>{t.chat.newLine}</span>
              </div>
            ) : (
              <Boundary key={row.key} name="message" fallback={null}>
                <MessageRow message={row.message} head={row.head} main={!thread} />
              </Boundary>
            ),
          )}
          {!timeline.hasMoreAfter && pending.map((item) => <PendingRow key={item.nonce} item={item} />)}
        </div>
      </div>
      {!atBottom && timeline.loaded && (
        <button type="button" class="jump" onClick={jump} data-testid="jump">
          <Icon node={ArrowDown} size={16} />
          {count > 0 ? t.chat.newMessages(count) : t.chat.jump}
        </button>
      )}
    </div>
  );
}

/** The first row in view, and where it stands. */
function findAnchor(element: HTMLElement): Anchor | null {
  const top = element.getBoundingClientRect().top;
  for (const row of element.querySelectorAll<HTMLElement>('[data-row]')) {
    const box = row.getBoundingClientRect();
    if (box.bottom > top) return { id: row.dataset['row'] ?? '', top: box.top };
  }
  return null;
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
