/** Everybody in the call, hands first, with what may be done about each. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { EllipsisVertical, Hand, Mic, MicOff, MonitorUp, X } from 'lucide';
import { personItems } from '../moderation/person-menu';
import { call, nameOf } from '../store';
import { compareNames } from '../format';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { MenuButton } from '../ui/menu';
import { tiles, type TileModel } from './call-state';
import { hostItems } from './host-items';
import { togglePanel } from './hosting-acts';


export function PeoplePanel() {
  const heading = useRef<HTMLHeadingElement>(null);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => heading.current?.focus(), []);

  const named = tiles.value.filter((tile) => tile.source === 'camera').map((tile) => ({ tile, name: nameOf(tile.participant.userId, tile.participant.name) }));
  // Hands in their order, then me, then the others by name.
  const rows = named.sort((a, b) => (a.tile.hand || Infinity) - (b.tile.hand || Infinity) || Number(b.tile.self) - Number(a.tile.self) || compareNames(a.name, b.name));

  const move = (event: KeyboardEvent) => {
    const all = [...(list.current?.querySelectorAll<HTMLElement>('[data-testid=person-row-menu]') ?? [])];
    const now = all.indexOf(document.activeElement as HTMLElement);
    if (now < 0) return;
    const to = { ArrowDown: Math.min(now + 1, all.length - 1), ArrowUp: Math.max(now - 1, 0), Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[to]?.focus();
  };

  return (
    <aside
      class="call-panel"
      aria-labelledby="people-title"
      data-testid="people-panel"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        togglePanel('people');
      }}
    >
      <header class="call-panel-head">
        <h2 id="people-title" ref={heading} tabIndex={-1}>
          {t.hosting.people(rows.length)}
        </h2>
        <IconButton icon={X} label={t.hosting.closePanel} onClick={() => togglePanel('people')} testid="panel-close" />
      </header>
      <ul class="call-panel-list" ref={list} onKeyDown={move}>
        {rows.map(({ tile, name }) => (
          <Row key={tile.key} tile={tile} name={name} gone={() => heading.current?.focus()} />
        ))}
      </ul>
    </aside>
  );
}

function Row({ tile, name, gone }: { tile: TileModel; name: string; gone: () => void }) {
  const root = useRef<HTMLLIElement>(null);
  // Whoever was removed takes the row with them, but not the place of whoever works in the list.
  useLayoutEffect(() => {
    const element = root.current;
    return () => {
      if (element?.contains(document.activeElement)) gone();
    };
  }, []);
  const { participant, self, muted, hand } = tile;
  const { userId } = participant;
  const items = () => [...hostItems(tile), ...(self ? [] : personItems({ userId, name, channelId: call.peek().channelId }))];
  const sharing = participant.voiceState.screen;
  return (
    <li ref={root} class="call-person" data-testid="person-row" data-user-id={userId} data-hand={hand || undefined} data-muted={muted}>
      <Avatar id={userId} name={name} size="s" />
      <span class="call-person-name" dir="auto">
        {self ? `${name} (${t.you.toLowerCase()})` : name}
      </span>
      {hand > 0 && (
        <span class="call-person-hand">
          <Icon node={Hand} size={16} />
          <span aria-hidden="true">{hand}</span>
          <span class="sr-only">{t.hosting.tileHand(hand)}</span>
        </span>
      )}
      {sharing && (
        <span>
          <Icon node={MonitorUp} size={18} />
          <span class="sr-only">{t.call.tileSharing}</span>
        </span>
      )}
      <span class={muted ? 'tile-muted' : ''}>
        <Icon node={muted ? MicOff : Mic} size={18} />
        <span class="sr-only">{muted ? t.hosting.micOff : t.hosting.micOn}</span>
      </span>
      {items().some(Boolean) ? (
        <MenuButton label={t.person.more(name)} class="icon-btn" testid="person-row-menu" items={items}>
          <Icon node={EllipsisVertical} size={18} />
        </MenuButton>
      ) : (
        <span class="call-person-none" />
      )}
    </li>
  );
}
