/** Live calls of the whole server, the worst connection first. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ArrowDown, ArrowUp, ChevronDown, ChevronRight } from 'lucide';
import { peopleOfCall, runningCalls, type RunningCall } from '../../sdk/index';
import { convene } from '../client';
import { duration, fullDate } from '../format';
import { t } from './texts';
import { Icon } from '../ui/icon';
import { Loading } from '../ui/lazy';
import { useNow } from '../ui/use-now';
import { closeRoom } from './acts';
import { QualityTag } from './quality-tag';
import { COLUMNS, held, pressed, sorted, type Column, type Sort } from './rooms-order';
import { Rows } from './rows';
import { SureButton } from './sure-button';
import { useLive } from './use-live';

/** Somebody points at a row, or is in one with the keyboard. Fingers point at nothing once they are lifted. */
const HELD = matchMedia('(hover: hover)').matches ? 'tbody:hover, tbody:focus-within' : 'tbody:focus-within';

const nameOf = (call: RunningCall): string => call.channelName || t.admin.direct;

export function Rooms() {
  const [sort, setSort] = useState<Sort>({ by: 'worst', reversed: false });
  const [open, setOpen] = useState('');
  const { data, failed, again } = useLive(() => runningCalls(convene.session));
  const list = useRef<HTMLDivElement>(null);
  const order = useRef<string[]>([]);
  const sortedBy = useRef(sort);

  /** The button that was pressed goes with its row. */
  const closed = () => {
    again();
    document.getElementById('admin-title')?.focus();
  };

  const calls = data?.calls ?? [];
  // A row that moves under the pointer would close another call.
  const still = sortedBy.current === sort && list.current?.querySelector(HELD) != null;
  const rows = still ? held(calls, order.current) : sorted(calls, sort);
  order.current = rows.map((one) => one.callId);
  sortedBy.current = sort;

  return (
    <Rows rows={data ? rows : null} failed={failed} again={again} more={null} none={t.admin.noRooms}>
      {rows.length > 0 && (
        <div class="rooms-scroll" ref={list}>
          {/* Roles of their own: on a phone it is laid out as cards, which takes from elements what they are. */}
          <table class="rooms" role="table">
            <caption class="sr-only">{t.admin.tabs.rooms}</caption>
            <thead role="rowgroup">
              <tr role="row">
                {COLUMNS.map((column) => (
                  <Heading key={column} column={column} sort={sort} onPress={() => setSort(pressed(sort, column))} />
                ))}
                <th scope="col" role="columnheader">{t.admin.sending}</th>
                <th scope="col" role="columnheader">
                  <span class="sr-only">{t.admin.closeRoom}</span>
                </th>
              </tr>
            </thead>
            {rows.map((call) => (
              <Room key={call.callId} call={call} open={open === call.callId} onOpen={() => setOpen(open === call.callId ? '' : call.callId)} onClosed={closed} />
            ))}
          </table>
        </div>
      )}
      {data && data.count > rows.length && <p class="meta">{t.admin.moreRooms(rows.length, data.count)}</p>}
    </Rows>
  );
}

function Heading({ column, sort, onPress }: { column: Column; sort: Sort; onPress: () => void }) {
  const chosen = sort.by === column;
  return (
    <th scope="col" role="columnheader" aria-sort={chosen ? (sort.reversed ? 'descending' : 'ascending') : undefined}>
      <button type="button" class="rooms-sort" onClick={onPress} data-testid={`rooms-by-${column}`}>
        {t.admin.columns[column]}
        {chosen && <Icon node={sort.reversed ? ArrowUp : ArrowDown} size={14} />}
      </button>
    </th>
  );
}

function Room({ call, open, onOpen, onClosed }: { call: RunningCall; open: boolean; onOpen: () => void; onClosed: () => void }) {
  const now = useNow(10_000);
  const name = nameOf(call);
  const label = (column: Column) => ({ 'data-label': t.admin.columns[column] });
  return (
    <tbody role="rowgroup" data-testid="room" data-call-id={call.callId} data-worst={call.worst?.score}>
      <tr role="row">
        <td role="cell" {...label('worst')}>
          <QualityTag quality={call.worst} />
        </td>
        <th scope="row" role="rowheader" {...label('name')}>
          <button type="button" class="rooms-open" aria-expanded={open} onClick={onOpen} data-testid="room-open">
            <Icon node={open ? ChevronDown : ChevronRight} size={16} class={open ? '' : 'flip-rtl'} />
            <span dir="auto">{name}</span>
          </button>
        </th>
        <td role="cell" {...label('people')}>
          {t.admin.peopleIn(call.people)}
          {call.ringing > 0 && <span class="meta"> {t.admin.ringsFor(call.ringing)}</span>}
        </td>
        <td role="cell" {...label('since')}>
          <time dateTime={call.startedAt} title={fullDate(call.startedAt)}>
            {duration(Math.max(0, now - Date.parse(call.startedAt)))}
          </time>
        </td>
        <td role="cell" data-label={t.admin.sending}>{t.admin.sources(call.microphones, call.cameras, call.screens)}</td>
        <td role="cell" class="rooms-act">
          <SureButton label={t.admin.closeRoom} sure={t.admin.closeSure} about={name} testid="room-close" run={() => void closeRoom(call.callId, name).then(onClosed)} />
        </td>
      </tr>
      {open && (
        <tr role="row" class="rooms-people">
          <td role="cell" colSpan={6}>
            <People call={call} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function People({ call }: { call: RunningCall }) {
  const { data, failed, again } = useLive(() => peopleOfCall(convene.session, call.callId));
  // With the list around it, not five seconds later.
  useEffect(again, [call.people]);
  if (!data) return failed ? <p class="meta">{t.admin.over}</p> : <Loading />;
  return (
    <ul class="lines" aria-label={t.admin.peopleOf(nameOf(call))}>
      {data.map((one, i) => (
        <li key={one.participantId} class="line" data-testid="room-person">
          <span class="line-text">
            <span dir="auto">{one.name || t.admin.somebody(i + 1)}</span>
            {one.connection !== 'connected' && <span class="meta">{t.admin.links[one.connection] ?? one.connection}</span>}
          </span>
          <QualityTag quality={one.quality} />
        </li>
      ))}
    </ul>
  );
}
