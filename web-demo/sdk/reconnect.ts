/** What the page says while a connection is lost: a pure function of both connections and the time. */
export interface ConnectionFacts {
  /** Since when there is no connection to the server, and since when no sound and no picture arrive; 0 while there are. */
  signallingLostAt: number;
  mediaLostAt: number;
  /** Whether the device has any network. */
  online: boolean;
  /** Without a call there is nothing but signalling. */
  inCall: boolean;
}

/**
 * `fine`: nothing to say. `reconnecting`: a spinner. `lost`: a banner. `stuck`: a panel with ways out.
 * `back`: it is over, said for a moment.
 */
export type ConnectionStage = 'fine' | 'reconnecting' | 'lost' | 'stuck' | 'back';
/** What is most likely broken: my network, the server, or only the way that calls take. */
export type ConnectionReason = 'offline' | 'server' | 'calls';

export interface ConnectionView {
  stage: ConnectionStage;
  reason: ConnectionReason;
  /** Sound and pictures still arrive. */
  receiving: boolean;
  /** Who cannot receive does not know that others hear. */
  pauseSending: boolean;
}

export const NOTICE_MS = 1_000;
export const BANNER_MS = 5_000;
export const PANEL_MS = 30_000;
export const BACK_MS = 2_000;

export const FINE: ConnectionView = { stage: 'fine', reason: 'server', receiving: true, pauseSending: false };

export class Reconnect {
  #view: ConnectionView = FINE;
  #backUntil = 0;
  #nextAt: number | null = null;

  get view(): ConnectionView {
    return this.#view;
  }
  /** When the view changes though the facts do not. */
  get nextAt(): number | null {
    return this.#nextAt;
  }

  step(now: number, facts: ConnectionFacts): ConnectionView {
    const mediaLostAt = facts.inCall ? facts.mediaLostAt : 0;
    const lost = [facts.signallingLostAt, mediaLostAt].filter((at) => at > 0);
    if (lost.length === 0) return (this.#view = this.#well(now));
    const since = Math.min(...lost);
    const age = now - since;
    const receiving = mediaLostAt === 0;
    const stage =
      age < NOTICE_MS ? 'fine' : age < BANNER_MS ? 'reconnecting' : age >= PANEL_MS && !receiving ? 'stuck' : 'lost';
    const reason = !facts.online ? 'offline' : facts.signallingLostAt > 0 ? 'server' : 'calls';
    this.#backUntil = 0;
    this.#nextAt = [since + NOTICE_MS, since + BANNER_MS, since + PANEL_MS].find((at) => at > now) ?? null;
    return (this.#view = { stage, reason, receiving, pauseSending: facts.inCall && !receiving && age >= BANNER_MS });
  }

  #well(now: number): ConnectionView {
    const { stage } = this.#view;
    if (stage !== 'fine' && stage !== 'back') this.#backUntil = now + BACK_MS;
    const back = now < this.#backUntil;
    this.#nextAt = back ? this.#backUntil : null;
    return back ? { ...FINE, stage: 'back' } : FINE;
  }
}
