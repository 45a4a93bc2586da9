/** Keeps the session's token fresh: asks for a new one well before the old one ends, and when the server says that it has. */
import { ConveneError, codeOf } from './errors';
import { refresh, type Login } from './rest';
import type { Session } from './session';

/** Part of the remaining life after which a new token is asked for. */
const REFRESH_AT = 0.75;
/** A refresh token whose answer was lost is taken once more for a minute: two more tries fit in. */
const RETRY_MS = 10_000;
/** `setTimeout` counts in 32 bits. */
const LONGEST_MS = 2_000_000_000;

export interface TokenStore {
  get(): string | null;
  set(token: string): void;
  /** The refresh token: good for one use, so nobody else may hold a copy. Without one, a token renews itself while it lasts. */
  getRefresh?(): string | null;
  setRefresh?(token: string): void;
  /** Resolves when it is known whether the refresh token is this page's own. */
  ready?(): Promise<void>;
}

export class TokenKeeper {
  readonly #session: Session;
  readonly #base: string;
  readonly #tokens: TokenStore;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<Login> | null = null;

  constructor(session: Session, base: string, tokens: TokenStore) {
    this.#session = session;
    this.#base = base;
    this.#tokens = tokens;
    session.events.on('ready', (ready) => this.#schedule(ready.expiresAt));
    session.events.on('status', (status) => {
      if (status.phase === 'idle' || status.phase === 'closed') clearTimeout(this.#timer);
    });
  }

  /** A fresh token in the store. Who asks while one is on its way gets that one: a refresh token must not be shown twice. */
  renew(): Promise<Login> {
    this.#running ??= this.#exchange().finally(() => (this.#running = null));
    return this.#running;
  }

  async #exchange(): Promise<Login> {
    await this.#tokens.ready?.();
    const token = this.#tokens.get();
    const refreshToken = this.#tokens.getRefresh?.() ?? null;
    if (!token && !refreshToken) throw new ConveneError('auth.required', '');
    const fresh = await refresh(this.#base, refreshToken ? { refreshToken } : { token: token ?? '' });
    // Somebody signed out, or in as somebody else: the answer is for nobody any more.
    if (this.#tokens.get() !== token) throw new ConveneError('auth.required', '');
    this.#tokens.set(fresh.token);
    if (fresh.refreshToken) this.#tokens.setRefresh?.(fresh.refreshToken);
    return fresh;
  }

  #schedule(expiresAt: string | number | undefined): void {
    clearTimeout(this.#timer);
    const left = new Date(expiresAt ?? NaN).getTime() - this.#session.now();
    if (!Number.isFinite(left)) return;
    this.#timer = setTimeout(() => void this.#refreshed(), Math.min(LONGEST_MS, Math.max(1_000, left * REFRESH_AT)));
  }

  async #refreshed(): Promise<void> {
    if (!this.#tokens.get()) return;
    try {
      const fresh = await this.renew();
      await this.#session.request('token:refresh', { token: fresh.token }, { wait: true });
      this.#schedule(fresh.expiresAt);
    } catch (error) {
      // What is over does not come back by asking again; the server will say so.
      if (codeOf(error).startsWith('auth.')) return;
      this.#timer = setTimeout(() => void this.#refreshed(), RETRY_MS);
    }
  }
}
