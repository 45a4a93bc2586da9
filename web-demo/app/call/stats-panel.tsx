import { X } from 'lucide';
import type { TrackStats } from '../../sdk/index';
import { convene } from '../client';
import { call, callStats, nameOf } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { callStatsOpen } from './call-state';

const whole = (n: number) => (n > 0 ? String(Math.round(n)) : '–');

function rowName(s: TrackStats): string {
  if (s.direction === 'out') return `${t.stats.mine(t.stats.sources[s.source ?? ''] ?? '')}${s.rid ? ` · ${s.rid}` : ''}`;
  const track = call.value.tracks.find((x) => x.trackId === s.key);
  const who = track ? nameOf(track.userId) : '';
  return `${who} · ${t.stats.sources[track?.source ?? ''] ?? ''}`;
}

function layerOf(s: TrackStats): string {
  if (s.direction === 'out') return s.limited;
  const track = call.value.tracks.find((x) => x.trackId === s.key);
  if (!track || track.kind !== 'video') return '';
  const wanted = convene.call.subscriptions.wanted(s.key);
  return `${track.current ?? '–'}${wanted === null ? '' : ` / ${wanted}`}`;
}

export function StatsPanel() {
  const stats = callStats.value;
  return (
    <aside class="stats" aria-labelledby="stats-title" data-testid="stats-panel">
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
              <dd>{stats.rttMs === null ? '–' : `${stats.rttMs < 10 ? stats.rttMs.toFixed(1) : Math.round(stats.rttMs)} ms`}</dd>
            </div>
            <div>
              <dt>{t.stats.incoming}</dt>
              <dd>{Math.round(stats.inKbps)} kbit/s</dd>
            </div>
            <div>
              <dt>{t.stats.outgoing}</dt>
              <dd>{Math.round(stats.outKbps)} kbit/s</dd>
            </div>
          </dl>
          <div class="stats-scroll" tabIndex={0} role="region" aria-labelledby="stats-title">
            <table>
              <thead>
                <tr>
                  {[t.stats.track, t.stats.size, t.stats.fps, t.stats.rate, t.stats.loss, t.stats.layer].map((h) => (
                    <th key={h} scope="col">
                      {h}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {stats.tracks.map((s) => (
                  <tr key={`${s.direction}${s.key}`}>
                    <th scope="row">{rowName(s)}</th>
                    <td>{s.width ? `${s.width}×${s.height}` : '–'}</td>
                    <td>{s.kind === 'video' ? whole(s.fps) : '–'}</td>
                    <td>{whole(s.kbps)}</td>
                    <td>{s.loss > 0 ? `${(s.loss * 100).toFixed(1)} %` : '0'}</td>
                    <td>{layerOf(s)}</td>
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
