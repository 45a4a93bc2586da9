import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { CalendarClock, SendHorizontal } from 'lucide';
import type { Channel } from '../../sdk/index';
import { convene } from '../client';
import { sendMessage } from '../intents';
import { isPhone } from '../ui/viewport';
import { me } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { editing } from './editing';
import { LaterDialog, LaterLine } from './later';

/** The protocol's limit. */
const MAX_CHARS = 10_000;
const drafts = new Map<string, string>();

/** Writes to a channel, or to the thread with the root `threadId`. */
export function Composer({ channel, title, threadId = '' }: { channel: Channel; title: string; threadId?: string }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const place = threadId || channel.id;
  const label = threadId ? t.chat.threadComposer : t.chat.composer(title);
  const [text, setText] = useState(drafts.get(place) ?? '');
  const [later, setLater] = useState(false);
  const length = [...text.trim()].length;
  const over = length - MAX_CHARS;

  useEffect(() => {
    if (!isPhone.value) area.current?.focus({ preventScroll: true });
    return () => convene.typing.ended(channel.id, false, threadId);
  }, [place]);

  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight, 200)}px`;
  }, [text]);

  const change = (value: string) => {
    setText(value);
    if (value) drafts.set(place, value);
    else drafts.delete(place);
    if (value.trim()) convene.typing.input(channel.id, threadId);
    else convene.typing.ended(channel.id, false, threadId);
  };

  const clear = () => {
    drafts.delete(place);
    setText('');
    area.current?.focus();
  };

  const send = () => {
    if (length === 0 || over > 0) return;
    sendMessage(channel.id, text, threadId);
    clear();
  };

  const editLast = (): boolean => {
    const own = convene.chat.timeline(place).messages.findLast((m) => m.authorId === me.value?.id && !m.deleted && m.type === 'text');
    if (own) editing.value = own.id;
    return own !== undefined;
  };

  return (
    <div class="composer">
      <LaterLine channel={channel} threadId={threadId} />
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
            clear();
          }}
        />
      )}
    </div>
  );
}
