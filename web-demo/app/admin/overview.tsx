import type { ComponentChildren } from 'preact';
import { runningCalls, serverOverview } from '../../sdk/index';
import { convene } from '../client';
import { duration, fullDate } from '../format';
import { go, type AdminTab } from '../router';
import { openReports } from '../store';
import { t } from './texts';
import { Button } from '../ui/button';
import { useNow } from '../ui/use-now';
import { bitrate, count, memory, percent } from './numbers';
import { QualityTag } from './quality-tag';
import { sorted } from './rooms-order';
import { Rows } from './rows';
import { useLive } from './use-live';

const WORST = 3;
const MINUTE_MS = 60_000;

export function Overview() {
  const now = useNow(MINUTE_MS);
  const { data, failed, again } = useLive(async () => {
    const [server, { calls }] = await Promise.all([serverOverview(convene.session), runningCalls(convene.session)]);
    return server && { server, worst: sorted(calls, { by: 'worst', reversed: false }).filter((one) => one.worst).slice(0, WORST) };
  });
  const server = data?.server;
  return (
    <Rows rows={data ? [data] : null} failed={failed} again={again} more={null} none="">
      {server && (
        <>
          <dl class="figures" data-testid="figures">
            <Figure name={t.admin.people} value={count(server.people)} note={t.admin.connections(server.connections)} testid="people" />
            <Figure name={t.admin.calls} value={count(server.calls)} note={t.admin.ringingNow(server.ringing)} testid="calls" />
            <Figure name={t.admin.peopleInCalls} value={count(server.peopleInCalls)} testid="in-calls" />
            <Figure name={t.admin.cpu} value={server.cpu === null ? t.admin.measuring : percent(server.cpu)} note={t.admin.cores(server.cores)} testid="cpu">
              {server.cpu !== null && <meter class="figure-meter" min={0} max={1} low={0.6} high={0.85} optimum={0} value={server.cpu} aria-label={t.admin.cpu} />}
            </Figure>
            <Figure name={t.admin.memory} value={server.memory === null ? t.admin.unknown : memory(server.memory)} testid="memory" />
            <Figure name={t.admin.sent} value={server.sentBitrate === null ? t.admin.measuring : bitrate(server.sentBitrate)} testid="sent" />
            <Figure name={t.admin.received} value={server.receivedBitrate === null ? t.admin.measuring : bitrate(server.receivedBitrate)} testid="received" />
            <Figure name={t.admin.uptime} value={duration(Math.max(0, now - Date.parse(server.startedAt)))} note={fullDate(server.startedAt)} testid="uptime" />
            <Figure name={t.admin.version} value={server.version} testid="version" />
          </dl>
          <section aria-labelledby="worst-links" class="stack">
            <h3 id="worst-links" class="admin-title">
              {t.admin.worstLinks}
            </h3>
            {data.worst.length === 0 && <p class="meta">{t.admin.noLinks}</p>}
            <ul class="lines">
              {data.worst.map((one) => (
                <li key={one.callId} class="line">
                  <span class="line-text" dir="auto">
                    {one.channelName || t.admin.direct}
                  </span>
                  <QualityTag quality={one.worst} />
                </li>
              ))}
            </ul>
            <p class="admin-links">
              <To tab="rooms">{t.admin.toRooms}</To>
              <To tab="reports">{t.admin.openReports(openReports.value)}</To>
            </p>
          </section>
        </>
      )}
    </Rows>
  );
}

const To = ({ tab, children }: { tab: AdminTab; children: ComponentChildren }) => <Button onClick={() => go({ name: 'admin', tab })}>{children}</Button>;

function Figure({ name, value, note, testid, children }: { name: string; value: string; note?: string; testid: string; children?: ComponentChildren }) {
  return (
    <div class="figure" data-testid={`figure-${testid}`}>
      <dt class="meta">{name}</dt>
      <dd>
        <span class="figure-value">{value}</span>
        {note && <span class="meta">{note}</span>}
        {children}
      </dd>
    </div>
  );
}
