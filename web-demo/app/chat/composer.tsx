import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { SendHorizontal } from 'lucide';
import type { Channel } from '../../sdk/index';
import { convene } from '../client';
import { sendMessage } from '../intents';
import { isPhone } from '../ui/viewport';
import { me } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { editing } from './editing';

/** The protocol's limit. */
const MAX_CHARS = 10_000;
const drafts = new Map<string, string>();

export function Composer({ channel, title }: { channel: Channel; title: string }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(drafts.get(channel.id) ?? '');
  const length = [...text.trim()].length;
  const over = length - MAX_CHARS;

  useEffect(() => {
    if (!isPhone.value) area.current?.focus({ preventScroll: true });
    return () => convene.typing.ended(channel.id, false);
  }, [channel.id]);

  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight, 200)}px`;
  }, [text]);

  const change = (value: string) => {
    setText(value);
    if (value) drafts.set(channel.id, value);
    else drafts.delete(channel.id);
    if (value.trim()) convene.typing.input(channel.id);
    else convene.typing.ended(channel.id, false);
  };

  const send = () => {
    if (length === 0 || over > 0) return;
    sendMessage(channel.id, text);
    drafts.delete(channel.id);
    setText('');
    area.current?.focus();
  };

  const editLast = (): boolean => {
    const own = convene.chat.timeline(channel.id).messages.findLast((m) => m.authorId === me.value?.id && !m.deleted && m.type === 'text');
    if (own) editing.value = own.id;
    return own !== undefined;
  };

  return (
    <div class="composer">
      <div class="composer-box">
        <textarea
          id="composer"
          ref={area}
          rows={1}
          value={text}
          dir="auto"
          placeholder={t.chat.composer(title)}
          aria-label={t.chat.composer(title)}
          aria-invalid={over > 0}
          enterkeyhint="send"
          data-testid="composer"
          onInput={(e) => change(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) {
              e.preventDefault();
              send();
            } else if (e.key === 'ArrowUp' && text === '' && editLast()) e.preventDefault();
          }}
        />
        {over > 0 && <span class="composer-over text-danger">{t.chat.tooLong(over)}</span>}
        <IconButton icon={SendHorizontal} class="composer-send flip-rtl" label={t.chat.send} disabled={length === 0 || over > 0} onClick={send} testid="send" />
      </div>
    </div>
  );
}
