/** Keeps the session's token fresh: asks for a new one well before the old one ends. */
import { refresh } from './rest';
import type { Session } from './session';

/** Part of the remaining life after which a new token is asked for. */
const REFRESH_AT = 0.75;
const RETRY_MS = 30_000;
/** `setTimeout` counts in 32 bits. */
const LONGEST_MS = 2_000_000_000;

export class TokenKeeper {
  readonly #session: Session;
  readonly #base: string;
  readonly #tokens: { get: () => string | null; set: (token: string) => void };
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, base: string, tokens: { get: () => string | null; set: (token: string) => void }) {
    this.#session = session;
    this.#base = base;
    this.#tokens = tokens;
    session.events.on('ready', (ready) => this.#schedule(ready.expiresAt));
    session.events.on('status', (status) => {
      if (status.phase === 'idle' || status.phase === 'closed') clearTimeout(this.#timer);
    });
  }

  #schedule(expiresAt: string | number | undefined): void {
    clearTimeout(this.#timer);
    const left = new Date(expiresAt ?? NaN).getTime() - this.#session.now();
    if (!Number.isFinite(left)) return;
    this.#timer = setTimeout(() => void this.#renew(), Math.min(LONGEST_MS, Math.max(1_000, left * REFRESH_AT)));
  }

  async #renew(): Promise<void> {
    const token = this.#tokens.get();
    if (!token) return;
    try {
      const fresh = await refresh(this.#base, token);
      this.#tokens.set(fresh.token);
      await this.#session.request('token:refresh', { token: fresh.token }, { wait: true });
      this.#schedule(fresh.expiresAt);
    } catch {
      this.#timer = setTimeout(() => void this.#renew(), RETRY_MS);
    }
  }
}
