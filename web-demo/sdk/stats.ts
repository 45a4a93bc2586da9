/** One `getStats()` per connection and two seconds, split per track. */
import type { MediaLink } from './media-link';
import type { Source } from './wire';

export interface TrackStats {
  key: string;
  direction: 'in' | 'out';
  kind: 'audio' | 'video';
  /** Set for what I send. */
  source: Source | null;
  rid: string;
  width: number;
  height: number;
  fps: number;
  kbps: number;
  /** Share of packets lost in the last interval, 0-1. */
  loss: number;
  jitterMs: number;
  framesDecoded: number;
  freezes: number;
  codec: string;
  limited: string;
}

export interface LinkStats {
  rttMs: number | null;
  inKbps: number;
  outKbps: number;
  /** Goes up with whatever arrives, checks of the path included: while it stands still, nothing gets through. */
  arrived: number;
  tracks: TrackStats[];
}

type Row = Record<string, unknown> & { id: string; type: string; timestamp: number };
const num = (v: unknown): number => (typeof v === 'number' && Number.isFinite(v) ? v : 0);
const str = (v: unknown): string => (typeof v === 'string' ? v : '');

export class StatsReader {
  readonly #link: MediaLink;
  #previous = new Map<string, { at: number; bytes: number; packets: number; lost: number }>();

  constructor(link: MediaLink) {
    this.#link = link;
  }

  async read(): Promise<LinkStats> {
    const rows: Row[] = [];
    const byId = new Map<string, Row>();
    (await this.#link.pc.getStats()).forEach((row: Row) => {
      rows.push(row);
      byId.set(row.id, row);
    });
    const result: LinkStats = { rttMs: null, inKbps: 0, outKbps: 0, arrived: 0, tracks: [] };
    for (const row of rows) {
      if (row.type === 'candidate-pair') result.arrived += num(row['bytesReceived']) + num(row['responsesReceived']);
      if (row.type === 'candidate-pair' && row['nominated'] === true && row['state'] === 'succeeded') {
        const rtt = num(row['currentRoundTripTime']);
        if (rtt > 0) result.rttMs = rtt * 1000;
      }
      if (row.type === 'inbound-rtp') this.#inbound(row, byId, result);
      if (row.type === 'outbound-rtp') this.#outbound(row, byId, result);
    }
    return result;
  }

  #inbound(row: Row, byId: Map<string, Row>, result: LinkStats): void {
    const key = this.#link.trackOfMid(str(row['mid'])) ?? this.#link.trackOfReceiver(str(row['trackIdentifier']));
    if (!key) return;
    const { kbps, loss } = this.#rates(row.id, row.timestamp, num(row['bytesReceived']), num(row['packetsReceived']), num(row['packetsLost']));
    result.inKbps += kbps;
    result.tracks.push({
      key,
      direction: 'in',
      kind: row['kind'] === 'audio' ? 'audio' : 'video',
      source: null,
      rid: '',
      width: num(row['frameWidth']),
      height: num(row['frameHeight']),
      fps: num(row['framesPerSecond']),
      kbps,
      loss,
      jitterMs: num(row['jitter']) * 1000,
      framesDecoded: num(row['framesDecoded']),
      freezes: num(row['freezeCount']),
      codec: codecName(byId.get(str(row['codecId']))),
      limited: '',
    });
  }

  #outbound(row: Row, byId: Map<string, Row>, result: LinkStats): void {
    const source = this.#link.sourceOfMid(str(row['mid'])) ?? null;
    const remote = byId.get(str(row['remoteId']));
    const { kbps } = this.#rates(row.id, row.timestamp, num(row['bytesSent']), num(row['packetsSent']), 0);
    result.outKbps += kbps;
    result.tracks.push({
      key: `${source ?? row.id}${str(row['rid']) ? `/${str(row['rid'])}` : ''}`,
      direction: 'out',
      kind: row['kind'] === 'audio' ? 'audio' : 'video',
      source,
      rid: str(row['rid']),
      width: num(row['frameWidth']),
      height: num(row['frameHeight']),
      fps: num(row['framesPerSecond']),
      kbps,
      loss: num(remote?.['fractionLost']),
      jitterMs: num(remote?.['jitter']) * 1000,
      framesDecoded: num(row['framesEncoded']),
      freezes: 0,
      codec: codecName(byId.get(str(row['codecId']))),
      limited: str(row['qualityLimitationReason']) === 'none' ? '' : str(row['qualityLimitationReason']),
    });
  }

  #rates(id: string, at: number, bytes: number, packets: number, lost: number): { kbps: number; loss: number } {
    const before = this.#previous.get(id);
    this.#previous.set(id, { at, bytes, packets, lost });
    if (!before || at <= before.at) return { kbps: 0, loss: 0 };
    const lostNow = Math.max(0, lost - before.lost);
    const gotNow = Math.max(0, packets - before.packets);
    return {
      kbps: Math.max(0, ((bytes - before.bytes) * 8) / (at - before.at)),
      loss: lostNow + gotNow > 0 ? lostNow / (lostNow + gotNow) : 0,
    };
  }
}

const codecName = (row: Row | undefined): string => str(row?.['mimeType']).split('/')[1] ?? '';
