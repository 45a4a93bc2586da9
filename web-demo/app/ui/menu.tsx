/** A button with a menu of things to do. The menu is in the top layer, so that no list and no dialog cuts it off. */
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import type { IconNode } from 'lucide';
import { Icon } from './icon';
import { menuKeys } from './menu-keys';

export interface MenuItem {
  key: string;
  label: string;
  icon: IconNode;
  danger?: boolean;
  run: () => void;
}

interface Props {
  label: string;
  /** Asked when the menu opens; what is left out is not offered. */
  items: () => (MenuItem | false | undefined)[];
  children: ComponentChildren;
  class?: string;
  testid?: string | undefined;
  /** A second way to the same menu is none for the keyboard. */
  tabIndex?: number;
  /** Only a picture is shown: the label is text that nobody sees. */
  picture?: boolean;
}

const GAP_PX = 4;
const EDGE_PX = 8;

export function MenuButton({ label, items, children, class: cls = '', testid, tabIndex = 0, picture = false }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const id = useId();
  const [open, setOpen] = useState<MenuItem[] | null>(null);

  const close = (refocus: boolean) => {
    setOpen(null);
    if (refocus) button.current?.focus();
  };

  useLayoutEffect(() => {
    const [element, anchor] = [menu.current, button.current];
    if (!open || !element || !anchor) return;
    if ('showPopover' in element) element.showPopover();
    const at = anchor.getBoundingClientRect();
    const { width, height } = element.getBoundingClientRect();
    const below = at.bottom + GAP_PX;
    const top = below + height > innerHeight - EDGE_PX ? at.top - GAP_PX - height : below;
    element.style.top = `${Math.max(EDGE_PX, top)}px`;
    element.style.left = `${Math.max(EDGE_PX, Math.min(at.left, innerWidth - width - EDGE_PX))}px`;
    element.querySelector<HTMLElement>('[role=menuitem]')?.focus({ preventScroll: true });
  }, [open]);

  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      const { target } = event;
      if (target instanceof Node && (menu.current?.contains(target) || button.current?.contains(target))) return;
      close(false);
    };
    const names = ['pointerdown', 'wheel', 'touchmove', 'resize'] as const;
    for (const name of names) addEventListener(name, away, { passive: true });
    return () => {
      for (const name of names) removeEventListener(name, away);
    };
  }, [open]);

  return (
    <>
      <button
        ref={button}
        type="button"
        class={cls}
        tabIndex={tabIndex}
        aria-label={picture ? undefined : label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open !== null}
        aria-controls={open ? id : undefined}
        data-testid={testid}
        onClick={() => (open ? close(true) : setOpen(items().filter((item): item is MenuItem => Boolean(item))))}
      >
        {children}
        {picture && <span class="sr-only">{label}</span>}
      </button>
      {open && (
        <div ref={menu} id={id} class="menu" role="menu" aria-label={label} popover="manual" onKeyDown={(event) => menuKeys(event, () => close(true))}>
          {open.map((item) => (
            <button
              key={item.key}
              type="button"
              role="menuitem"
              tabIndex={-1}
              class={`menu-item ${item.danger ? 'text-danger' : ''}`}
              data-testid={`menu-${item.key}`}
              onClick={() => {
                close(true);
                item.run();
              }}
            >
              <Icon node={item.icon} size={16} />
              <span>{item.label}</span>
            </button>
          ))}
        </div>
      )}
    </>
  );
}
