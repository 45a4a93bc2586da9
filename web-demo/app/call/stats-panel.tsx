import { X } from 'lucide';
import type { TrackStats } from '../../sdk/index';
import { number, percent } from '../format';
import { call, callStats, nameOf } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { callStatsOpen } from './call-state';
import { LayerSelect } from './layer-select';

const whole = (n: number) => (n > 0 ? number(n) : '–');

function RowName({ row }: { row: TrackStats }) {
  const track = row.direction === 'in' ? call.value.tracks.find((x) => x.trackId === row.key) : undefined;
  const who = row.direction === 'out' ? t.you : track ? nameOf(track.userId) : '';
  const source = t.stats.sources[row.source ?? track?.source ?? ''] ?? '';
  return (
    <>
      <span class="stats-who" dir="auto">
        {who}
      </span>
      <span class="meta">{row.rid ? `${source} · ${row.rid}` : source}</span>
    </>
  );
}

/** What arrives, and the choice of it: here at every window size. */
function LayerCell({ row }: { row: TrackStats }) {
  if (row.direction === 'out') return <>{row.limited}</>;
  const track = call.value.tracks.find((x) => x.trackId === row.key);
  if (!track || track.kind !== 'video') return null;
  return (
    <span class="stats-layer">
      <span>{track.current ?? '–'}</span>
      {track.layers > 1 && <LayerSelect trackId={track.trackId} name={nameOf(track.userId)} />}
    </span>
  );
}

/** Video that was never asked for has no numbers yet, but can be asked for. */
function withSilent(rows: readonly TrackStats[]): TrackStats[] {
  const known = new Set(rows.map((s) => s.key));
  const silent = call.value.tracks.filter((x) => x.kind === 'video' && !known.has(x.trackId));
  return [...silent.map((x) => ({ ...NO_NUMBERS, key: x.trackId })), ...rows];
}

const NO_NUMBERS: TrackStats = {
  key: '',
  direction: 'in',
  kind: 'video',
  source: null,
  rid: '',
  width: 0,
  height: 0,
  fps: 0,
  kbps: 0,
  loss: 0,
  jitterMs: 0,
  framesDecoded: 0,
  freezes: 0,
  codec: '',
  limited: '',
};

/** Others first, video before sound, small layers before large ones. */
const order = (s: TrackStats): number => (s.direction === 'in' ? 0 : 2) + (s.kind === 'video' ? 0 : 1);
const compare = (a: TrackStats, b: TrackStats): number =>
  order(a) - order(b) || (a.source ?? '').localeCompare(b.source ?? '') || 'qhf'.indexOf(a.rid) - 'qhf'.indexOf(b.rid);

export function StatsPanel() {
  const stats = callStats.value;
  const rows = stats ? withSilent(stats.tracks).sort(compare) : [];
  return (
    <aside class="stats" aria-labelledby="stats-title" data-testid="stats-panel" data-region="panel">
      <header class="stats-head">
        <h2 id="stats-title">{t.stats.title}</h2>
        <IconButton icon={X} size={18} label={t.close} onClick={() => (callStatsOpen.value = false)} />
      </header>
      {!stats ? (
        <p class="meta">{t.stats.none}</p>
      ) : (
        <>
          <dl class="stats-summary">
            <div>
              <dt>{t.stats.rtt}</dt>
              <dd>{stats.rttMs === null ? '–' : t.stats.ms(number(stats.rttMs, stats.rttMs < 10 ? 1 : 0))}</dd>
            </div>
            <div>
              <dt>{t.stats.incoming}</dt>
              <dd>{t.stats.kbps(number(stats.inKbps))}</dd>
            </div>
            <div>
              <dt>{t.stats.outgoing}</dt>
              <dd>{t.stats.kbps(number(stats.outKbps))}</dd>
            </div>
          </dl>
          <div class="stats-scroll" tabIndex={0} role="region" aria-labelledby="stats-title">
            <table>
              <thead>
                <tr>
                  {[t.stats.track, t.stats.layer, t.stats.size, t.stats.fps, t.stats.rate, t.stats.loss].map((h) => (
                    <th key={h} scope="col">
                      {h}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((s) => (
                  <tr key={`${s.direction}${s.key}`} data-testid="stats-row" data-track-id={s.direction === 'in' ? s.key : undefined}>
                    <th scope="row">
                      <RowName row={s} />
                    </th>
                    <td>
                      <LayerCell row={s} />
                    </td>
                    <td>{s.width ? `${s.width}×${s.height}` : '–'}</td>
                    <td>{s.kind === 'video' ? whole(s.fps) : '–'}</td>
                    <td>{whole(s.kbps)}</td>
                    <td>{s.loss > 0 ? percent(s.loss, 1) : number(0)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </aside>
  );
}
