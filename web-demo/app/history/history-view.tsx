import { useEffect, useRef, useState } from 'preact/hooks';
import { ArrowLeft, MessageSquare, Phone, PhoneIncoming, PhoneMissed, PhoneOutgoing, Signal, Video } from 'lucide';
import type { CallRecord } from '../../sdk/index';
import { useEntry } from '../a11y/focus';
import { gradeOf } from '../call/quality';
import { convene } from '../client';
import { duration, fullDate, listed, shortWhen } from '../format';
import { openChannel, startCall } from '../intents';
import { go } from '../router';
import { activeCalls, channelsById, me, nameOf, status, titleOf } from '../store';
import { t } from '../strings';
import '../styles/history.css';
import { Avatar } from '../ui/avatar';
import { Button, IconButton } from '../ui/button';
import { Icon } from '../ui/icon';

type Filter = 'all' | 'missed';

export function HistoryView() {
  const [filter, setFilter] = useState<Filter>('all');
  const [rows, setRows] = useState<CallRecord[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);

  const load = async (which: Filter, cursor?: string) => {
    try {
      const page = await convene.rings.history(cursor, which);
      setRows((old) => (cursor ? [...(old ?? []), ...page.calls] : page.calls));
      setNext(page.next);
      setFailed(false);
    } catch {
      setFailed(true);
    }
  };

  // Read again when a call begins or ends, and after a reconnect.
  const heading = useRef<HTMLHeadingElement>(null);
  useEntry(heading);
  const live = activeCalls.value.map((c) => `${c.callId}${c.state}`).join();
  useEffect(() => {
    void load(filter);
  }, [filter, live, status.value.phase === 'ready']);

  return (
    <section class="history" aria-labelledby="history-title">
      <header class="view-head">
        <IconButton icon={ArrowLeft} class="phone-only flip-rtl" label={t.back} onClick={() => go({ name: 'home' })} />
        <h1 id="history-title" class="view-title" ref={heading} tabIndex={-1}>
          {t.history.title}
        </h1>
        <div class="segments" role="group" aria-label={t.history.filter}>
          {(['all', 'missed'] as const).map((f) => (
            <button key={f} type="button" class="segment" aria-pressed={filter === f} onClick={() => setFilter(f)}>
              {t.history[f]}
            </button>
          ))}
        </div>
      </header>
      <div class="history-scroll">
        {failed && (
          <p class="note" role="alert">
            {t.history.failed}{' '}
            <Button kind="quiet" onClick={() => void load(filter)}>
              {t.retry}
            </Button>
          </p>
        )}
        {rows?.length === 0 && (
          <div class="empty-state">
            <Icon node={Phone} size={40} class="empty-icon" />
            <h2>{filter === 'all' ? t.history.empty : t.history.emptyMissed}</h2>
            <p>{t.history.emptyHint}</p>
          </div>
        )}
        <ul class="history-list">
          {rows?.map((c) => (
            <Row key={c.id} record={c} />
          ))}
        </ul>
        {next && (
          <Button class="history-more" onClick={() => void load(filter, next)}>
            {t.history.more}
          </Button>
        )}
      </div>
    </section>
  );
}

function Row({ record }: { record: CallRecord }) {
  const mine = record.initiatorId === me.value?.id;
  const channel = channelsById.value.get(record.channelId);
  const title = channel ? titleOf(channel) : record.initiatorName || nameOf(record.initiatorId);
  const people = stays(record);
  const missed = !mine && record.state !== 'completed' && record.state !== 'ongoing' && record.state !== 'ringing';
  const state = stateText(record, mine);
  const icon = missed ? PhoneMissed : mine ? PhoneOutgoing : PhoneIncoming;
  const grade = record.avgQuality === null ? null : gradeOf(record.avgQuality);
  const running = activeCalls.value.some((c) => c.callId === record.id);

  return (
    <li class="history-row" data-testid="history-row" data-call-id={record.id} data-state={record.state} data-reason={record.endReason} data-duration-ms={record.durationMs}>
      <span class={`history-icon ${missed ? 'text-danger' : ''}`}>
        <Icon node={icon} size={20} />
        <span class="sr-only">{mine ? t.history.outgoing : t.history.incoming}</span>
      </span>
      <div class="history-main">
        <span class={`history-name ${missed ? 'text-danger' : ''}`} dir="auto">
          {title}
        </span>
        <span class="meta">
          {record.type === 'video' && <Icon node={Video} size={14} />}
          <span>{running ? t.history.ongoing : state}</span>
          {people.length > 0 && <span>· {t.history.people(people.length)}</span>}
          {grade && (
            <span class={`history-quality quality-${grade}`} title={issuesText(record)} data-testid="history-quality" data-quality={record.avgQuality}>
              <Icon node={Signal} size={14} />
              {grade === 'good' ? <span class="sr-only">{t.history.quality[grade]}</span> : <span>{t.history.quality[grade]}</span>}
            </span>
          )}
        </span>
        {people.length > 0 && (
          <ul class="history-people">
            {people.map((p) => (
              <li key={p.userId} class="chip" title={t.history.joined(p.name, duration(p.ms))}>
                <Avatar id={p.userId} name={p.name} size="xs" />
                <span dir="auto">{p.name}</span>
                {p.ms > 0 && <span class="meta">{duration(p.ms)}</span>}
              </li>
            ))}
          </ul>
        )}
      </div>
      <time class="meta history-when" dateTime={record.startedAt} title={fullDate(record.startedAt)}>
        {shortWhen(record.startedAt)}
      </time>
      {channel && (
        <span class="history-actions">
          <IconButton icon={MessageSquare} size={18} label={t.history.openChat(title)} onClick={() => openChannel(channel)} />
          <IconButton icon={Phone} size={18} label={t.history.callBack(title)} onClick={() => void startCall(channel, record.type === 'video')} testid="history-call-back" />
        </span>
      )}
    </li>
  );
}

function stateText(record: CallRecord, mine: boolean): string {
  const { states } = t.history;
  if (record.endReason === 'node_lost') return states['interrupted'] ?? '';
  if (record.state === 'completed') return duration(record.durationMs);
  if (record.state === 'ongoing') return t.history.ongoing;
  if (record.state === 'missed' && mine) return states['noAnswer'] ?? '';
  return states[record.state] ?? record.state;
}

/** What was wrong, in words. */
function issuesText(record: CallRecord): string {
  return listed(record.networkIssues.flatMap((code) => t.history.issues[code] ?? []));
}

/** Everyone who was in it, once, with the time of all their stays together. */
function stays(record: CallRecord): { userId: string; name: string; ms: number }[] {
  const byUser = new Map<string, { userId: string; name: string; ms: number }>();
  for (const p of record.participants) {
    const ms = Math.max(0, Date.parse(p.leftAt) - Date.parse(p.joinedAt)) || 0;
    const known = byUser.get(p.userId);
    if (known) known.ms += ms;
    else byUser.set(p.userId, { userId: p.userId, name: nameOf(p.userId, p.name), ms });
  }
  return [...byUser.values()];
}
