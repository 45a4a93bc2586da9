/**
 * Whether the network, or this computer, is too slow for the call: a rule over time, so that a bad moment is not worth a
 * word, and that what was said stays until it is better for good. The rule is pure; the watch feeds it.
 */
import type { Call } from './call';
import { Emitter } from './emitter';
import type { LinkStats } from './stats';
import type { Quality } from './wire';
import type { CallSnapshot } from './call-state';

/** `starved`: there is room for sound only. */
export type NetworkWord = 'fine' | 'slow' | 'starved';

export interface NetworkView {
  word: NetworkWord;
  /** The camera's encoder has not the time it needs. */
  busy: boolean;
}

export interface NetworkFacts {
  slow: boolean;
  /** So slow that pictures take what sound needs. */
  starved: boolean;
  busy: boolean;
}

const SLOW_AFTER_MS = 8_000;
const STARVED_AFTER_MS = 15_000;
const BUSY_AFTER_MS = 10_000;
/** As long as this it has to be well before nothing is said any more. */
const FINE_AFTER_MS = 5_000;
const RETURN_AFTER_MS = 10_000;
/** Pictures that came back too early are tried again later each time. */
const RETURN_AT_MOST_MS = 120_000;
/** Pictures that stayed this long did not come back too early. */
const RELAPSE_MS = 60_000;
/** The server tells every five seconds; older than two of them is no news. */
const NEWS_MS = 12_000;

export const WELL: NetworkView = { word: 'fine', busy: false };

export class NetworkRule {
  #word: NetworkWord = 'fine';
  #slowSince: number | null = null;
  #starvedSince: number | null = null;
  #wellSince: number | null = null;
  #busySince: number | null = null;
  #returnAfter = RETURN_AFTER_MS;
  #returnedAt = -Infinity;

  step(now: number, { slow, starved, busy }: NetworkFacts): NetworkView {
    const bad = slow || starved;
    this.#slowSince = bad ? (this.#slowSince ?? now) : null;
    this.#starvedSince = starved ? (this.#starvedSince ?? now) : null;
    this.#wellSince = bad ? null : (this.#wellSince ?? now);
    this.#busySince = busy ? (this.#busySince ?? now) : null;
    const since = (at: number | null) => (at === null ? -1 : now - at);
    if (this.#word === 'starved') {
      if (since(this.#wellSince) >= this.#returnAfter) {
        this.#word = 'fine';
        this.#returnedAt = now;
      }
    } else if (since(this.#starvedSince) >= STARVED_AFTER_MS) {
      this.#word = 'starved';
      this.#returnAfter = now - this.#returnedAt < RELAPSE_MS ? Math.min(RETURN_AT_MOST_MS, this.#returnAfter * 2) : RETURN_AFTER_MS;
    } else if (since(this.#slowSince) >= SLOW_AFTER_MS) this.#word = 'slow';
    else if (since(this.#wellSince) >= FINE_AFTER_MS) this.#word = 'fine';
    return { word: this.#word, busy: since(this.#busySince) >= BUSY_AFTER_MS };
  }
}

/** A score below this is a connection that people complain about. */
const POOR = 50;
const STARVED_LOSS = 0.1;
const STARVED_RTT_MS = 1_500;

/** What the server says of me, and what my browser does. */
export function factsOf(row: Quality | null, tracks: CallSnapshot['tracks'], stats: LinkStats | null): NetworkFacts {
  const has = (issue: string) => row?.issues.includes(issue) === true;
  const slow = row !== null && (has('low_bandwidth') || has('high_loss_down') || row.score < POOR);
  const pictures = tracks.filter((track) => track.kind === 'video' && !track.muted);
  const held = pictures.length > 0 && pictures.every((track) => track.paused);
  const lossy = has('high_loss_down') && (row?.loss ?? 0) >= STARVED_LOSS;
  const starved = slow && (lossy || (row?.rtt ?? 0) >= STARVED_RTT_MS || (has('low_bandwidth') && held));
  const busy = stats?.tracks.some((track) => track.direction === 'out' && track.source === 'camera' && track.limited === 'cpu') === true;
  return { slow, starved, busy };
}

export class NetworkWatch {
  readonly events = new Emitter<{ change: NetworkView }>();
  readonly #call: Call;
  #rule = new NetworkRule();
  #row: { row: Quality; at: number } | null = null;
  #view = WELL;

  constructor(call: Call) {
    this.#call = call;
    call.events.on('quality', (rows) => {
      const row = rows.find((one) => one.participantId === call.state.participantId);
      if (row) this.#row = { row, at: performance.now() };
      this.#step();
    });
    call.events.on('stats', () => this.#step());
    call.events.on('ended', () => this.#over());
  }

  get view(): NetworkView {
    return this.#view;
  }

  #step(): void {
    const now = performance.now();
    const row = this.#row && now - this.#row.at <= NEWS_MS ? this.#row.row : null;
    const { state, lastStats } = this.#call;
    this.#set(this.#rule.step(now, factsOf(row, state.tracks, lastStats)));
  }

  #over(): void {
    this.#rule = new NetworkRule();
    this.#row = null;
    this.#set(WELL);
  }

  #set(view: NetworkView): void {
    if (view.word === this.#view.word && view.busy === this.#view.busy) return;
    this.#view = view;
    this.#call.starve(view.word === 'starved');
    this.events.emit('change', view);
  }
}
