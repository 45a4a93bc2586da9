/** What people show for a moment: the button with its six pictures, and the pictures over the stage. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { SmilePlus } from 'lucide';
import { t } from '../strings';
import { Icon } from '../ui/icon';
import { menuKeys } from '../ui/menu-keys';
import { react } from './hosting-acts';
import { floats, nameInCall, uncounted } from './hosting';
import type { Rect } from './layout';
import { tiles } from './call-state';

export function ReactButton() {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLSpanElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  const close = (refocus: boolean) => {
    setOpen(false);
    if (refocus) button.current?.focus();
  };
  useLayoutEffect(() => {
    if (open) root.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
  }, [open]);
  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      if (!(event.target instanceof Node && root.current?.contains(event.target))) setOpen(false);
    };
    addEventListener('pointerdown', away);
    return () => removeEventListener('pointerdown', away);
  }, [open]);

  return (
    <span class="call-react" ref={root}>
      <button
        ref={button}
        type="button"
        class="control"
        tabIndex={-1}
        data-testid="control-react"
        aria-label={t.hosting.react}
        title={t.hosting.react}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => (open ? close(true) : setOpen(true))}
      >
        <Icon node={SmilePlus} size={22} />
      </button>
      {open && (
        <span class="call-react-menu" role="menu" aria-label={t.hosting.react} data-testid="react-menu" onKeyDown={(event) => menuKeys(event, () => close(true), { sideways: true })}>
          {Object.entries(t.hosting.reactions).map(([emoji, name]) => (
            <button
              key={emoji}
              type="button"
              role="menuitem"
              tabIndex={-1}
              aria-label={name}
              title={name}
              data-testid="react-emoji"
              data-emoji={emoji}
              onClick={() => {
                close(true);
                void react(emoji);
              }}
            >
              {emoji}
            </button>
          ))}
        </span>
      )}
    </span>
  );
}

/** From the tile of whoever shows it; from the edge, if that is on another page. Read out by the announcer. */
export function FloatingReactions({ places }: { places: ReadonlyMap<string, Rect> }) {
  const shown = floats.value;
  const more = uncounted.value;
  if (shown.length === 0 && more === 0) return null;
  const seat = (userId: string): Rect | undefined => {
    const tile = tiles.value.find((one) => one.source === 'camera' && one.participant.userId === userId && places.has(one.key));
    return tile && places.get(tile.key);
  };
  return (
    <div class="floats" aria-hidden="true" data-testid="reactions">
      {shown.map(({ id, userId, emoji, count }) => {
        const rect = seat(userId);
        return (
          <span key={id} class={`float ${rect ? '' : 'float-away'}`} style={rect && { left: `${rect.x + rect.w / 2}px`, top: `${rect.y + rect.h}px` }} data-testid="reaction" data-user-id={userId}>
            <span class="float-emoji">
              {emoji}
              {count > 1 && <small>×{count}</small>}
            </span>
            <span class="float-name" dir="auto">
              {nameInCall(userId)}
            </span>
          </span>
        );
      })}
      {more > 0 && (
        <span class="float-more" data-testid="reactions-more">
          {t.hosting.more(more)}
        </span>
      )}
    </div>
  );
}
