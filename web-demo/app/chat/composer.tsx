import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { CalendarClock, SendHorizontal } from 'lucide';
import { isHost, mayArchive, mayWrite, type Channel } from '../../sdk/index';
import { offerFocus } from '../a11y/focus';
import { convene } from '../client';
import { duration, shortWhen } from '../format';
import { sendMessage } from '../intents';
import { restore, unblock } from '../moderation/acts';
import { isPhone } from '../ui/viewport';
import { blocked, me } from '../store';
import { t } from '../strings';
import { Button, IconButton } from '../ui/button';
import { editing } from './editing';
import { lazyDialog } from '../ui/lazy';
import { LaterLine } from './later-line';

const LaterDialog = lazyDialog(() => import('./later').then((m) => m.LaterDialog));

/** The protocol's limit. */
const MAX_CHARS = 10_000;

/** Longer timers run out at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Props {
  channel: Channel;
  title: string;
  threadId?: string;
}

/** Writes to a channel, or to the thread with the root `threadId`; or says why not. */
export function Composer(props: Props) {
  const { channel, threadId = '' } = props;
  const until = Date.parse(channel.timeoutUntil);
  const left = until - convene.session.now();
  const [, over] = useState(0);
  useEffect(() => {
    if (!(left > 0)) return;
    const timer = setTimeout(() => over((n) => n + 1), Math.min(left + 50, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  }, [until]);

  if (left > 0 || !mayWrite(channel)) {
    return (
      <div class="composer">
        <LaterLine channel={channel} threadId={threadId} />
        <p class="note composer-closed" role="status" data-testid="composer-closed">
          <span>{channel.archivedAt ? t.closed.archived : left > 0 ? t.closed.timeout(shortWhen(until)) : t.closed.readOnly}</span>
          {channel.archivedAt && mayArchive(channel, me.value) && (
            <Button onClick={() => void restore(channel)}>{t.closed.restore}</Button>
          )}
        </p>
      </div>
    );
  }
  return <OpenComposer {...props} />;
}

function OpenComposer({ channel, title, threadId = '' }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const place = threadId || channel.id;
  const label = threadId ? t.chat.threadComposer : t.chat.composer(title);
  const [text, setText] = useState(convene.drafts.get(place));
  const [later, setLater] = useState(false);
  const length = [...text.trim()].length;
  const over = length - MAX_CHARS;
  const peer = convene.chat.peerOf(channel);
  const peerBlocked = peer !== '' && blocked.value.has(peer);

  useEffect(() => {
    if (!isPhone.value) offerFocus(area.current);
    return () => convene.typing.ended(channel.id, false, threadId);
  }, [place]);
  useEffect(() => {
    // It may have come between the first render and now.
    setText(convene.drafts.get(place));
    return convene.drafts.events.on('change', (changed) => {
      if (changed === place) setText(convene.drafts.get(place));
    });
  }, [place]);

  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight, 200)}px`;
  }, [text]);

  const change = (value: string) => {
    setText(value);
    convene.drafts.set(place, value);
    if (value.trim()) convene.typing.input(channel.id, threadId);
    else convene.typing.ended(channel.id, false, threadId);
  };

  const clear = () => {
    setText('');
    area.current?.focus();
  };

  const send = () => {
    if (length === 0 || over > 0) return;
    sendMessage(channel.id, text, threadId, clear);
  };

  const editLast = (): boolean => {
    const own = convene.chat.timeline(place).messages.findLast((m) => m.authorId === me.value?.id && !m.deleted && m.type === 'text');
    if (own) editing.value = own.id;
    return own !== undefined;
  };

  return (
    <div class="composer">
      <LaterLine channel={channel} threadId={threadId} />
      {peerBlocked && (
        <p class="note composer-note">
          <span>{t.person.blocked(title)}</span>
          <Button onClick={() => void unblock(peer, title)}>{t.person.unblock}</Button>
        </p>
      )}
      {channel.slowMode > 0 && !isHost(channel) && (
        <p class="meta composer-note" data-testid="slow-mode">
          {t.closed.slow(duration(channel.slowMode * 1000))}
        </p>
      )}
      <div class="composer-box">
        <textarea
          id={threadId ? undefined : 'composer'}
          ref={area}
          rows={1}
          value={text}
          dir="auto"
          placeholder={label}
          aria-label={label}
          aria-invalid={over > 0}
          enterkeyhint="send"
          data-testid={threadId ? 'thread-composer' : 'composer'}
          data-composer={place}
          onInput={(e) => change(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) {
              e.preventDefault();
              send();
            } else if (e.key === 'ArrowUp' && text === '' && editLast()) e.preventDefault();
          }}
        />
        {over > 0 && <span class="composer-over text-danger">{t.chat.tooLong(over)}</span>}
        <IconButton
          icon={CalendarClock}
          class="composer-later"
          label={t.later.open}
          disabled={length === 0 || over > 0}
          onClick={() => setLater(true)}
          testid={threadId ? 'thread-later-open' : 'later-open'}
        />
        <IconButton icon={SendHorizontal} class="composer-send flip-rtl" label={t.chat.send} disabled={length === 0 || over > 0} onClick={send} testid={threadId ? 'thread-send' : 'send'} />
      </div>
      {later && (
        <LaterDialog
          channel={channel}
          threadId={threadId}
          text={text.trim()}
          onClose={() => setLater(false)}
          onDone={() => {
            setLater(false);
            convene.drafts.set(place, '');
            clear();
          }}
        />
      )}
    </div>
  );
}
