import { useEffect, useRef, useState } from 'preact/hooks';
import { SmilePlus } from 'lucide';
import type { Message } from '../../sdk/index';
import { react } from '../intents';
import { nameOf } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';

/** What people mostly mean; any other emoji can be reacted with once somebody did. */
const OFTEN = ['👍', '❤️', '😂', '🎉', '👀', '✅'];

/** Who reacted how; a click joins in or takes it back. */
export function Reactions({ message }: { message: Message }) {
  if (message.reactions.length === 0) return null;
  return (
    <div class="reactions" role="group" aria-label={t.chat.reactions}>
      {message.reactions.map(({ emoji, count, users, me }) => {
        const names = users.map((id) => nameOf(id, ''));
        return (
          <button
            key={emoji}
            type="button"
            class="reaction"
            aria-pressed={me}
            aria-label={t.chat.reactedBy(emoji, names, count)}
            title={t.chat.reactedBy(emoji, names, count)}
            data-testid="reaction"
            data-emoji={emoji}
            onClick={() => void react(message, emoji)}
          >
            <span aria-hidden="true">{emoji}</span> {count}
          </button>
        );
      })}
    </div>
  );
}

/** A button that opens a short row of emoji. */
export function ReactButton({ message }: { message: Message }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    box.current?.querySelector<HTMLButtonElement>('.emoji')?.focus();
    const outside = (e: Event) => {
      if (!(e.target instanceof Node && box.current?.contains(e.target))) setOpen(false);
    };
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector<HTMLButtonElement>('[aria-expanded]')?.focus();
  };
  return (
    <div
      class="react"
      ref={box}
      onKeyDown={(e) => {
        if (e.key !== 'Escape' || !open) return;
        e.stopPropagation();
        close();
      }}
    >
      <IconButton icon={SmilePlus} size={16} label={t.chat.react} aria-expanded={open} onClick={() => setOpen(!open)} testid="message-react" />
      {open && (
        <div class="emoji-row" role="group" aria-label={t.chat.react}>
          {OFTEN.map((emoji) => (
            <button
              key={emoji}
              type="button"
              class="emoji"
              aria-label={t.chat.reactWith(emoji)}
              data-testid="emoji"
              data-emoji={emoji}
              onClick={() => {
                close();
                void react(message, emoji);
              }}
            >
              {emoji}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
