/**
 * The signalling session: one WebSocket at a time, hello, acks, heartbeat, reconnect and resume.
 * It knows frames and their order; it does not know what the commands mean.
 */
import { backoffDelay } from './backoff';
import { Emitter } from './emitter';
import { codeOf, ConveneError, offline, timedOut } from './errors';
import { decodeFrame, encodeFrame, read, ready as readySchema, type Ready } from './wire';

export type SessionPhase = 'idle' | 'connecting' | 'ready' | 'waiting' | 'closed';

export interface SessionStatus {
  phase: SessionPhase;
  /** When the connection was lost (ms since epoch); 0 while all is well. */
  lostAt: number;
  attempt: number;
  /** When the next attempt starts, while waiting. */
  retryAt: number;
  /** Why the session ended for good. */
  code: string;
}

export interface SessionEvents {
  status: SessionStatus;
  /** A fresh snapshot: everything known before may be stale. */
  ready: Ready;
  /** The old session goes on; missed events were replayed before this. */
  resumed: { replayed: number };
  event: { ev: string; d: unknown };
}

/** The part of `WebSocket` the session needs; tests pass their own. */
export interface SocketLike {
  readyState: number;
  bufferedAmount?: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export interface SessionOptions {
  url: string;
  token: () => string | null;
  /** Gets a fresh token when the server says that this one has expired. */
  renew?: () => Promise<unknown>;
  device: 'desktop' | 'mobile' | 'tablet';
  client: string;
  socket?: (url: string) => SocketLike;
  random?: () => number;
}

interface Pending {
  op: string;
  resolve: (value: unknown) => void;
  reject: (error: ConveneError) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** No answer to `hello` within this time means that the server is not there. */
const HELLO_TIMEOUT_MS = 10_000;
/** A ping unanswered for this long means a dead path; well below the server's 60 s. */
const PONG_TIMEOUT_MS = 8_000;
/** Of a ping while there is said to be no network. */
const SUSPECT_TIMEOUT_MS = 3_000;
const LONGEST_IN_CALL_MS = 3_000;
const ACK_TIMEOUT_MS = 10_000;
/** Requests that may wait for the connection; more than this is a bug of the caller. */
const MAX_WAITING = 128;
const OPEN = 1;

export class Session {
  readonly events = new Emitter<SessionEvents>();
  readonly #options: SessionOptions;
  #socket: SocketLike | null = null;
  #status: SessionStatus = { phase: 'idle', lostAt: 0, attempt: 0, retryAt: 0, code: '' };
  #nextId = 1;
  #pending = new Map<number, Pending>();
  #waiting: (() => void)[] = [];
  #resume: { sessionId: string; s: number } | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #helloTimer: ReturnType<typeof setTimeout> | undefined;
  #pingTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat = 25_000;
  #drainDelay: number | null = null;
  #clockOffset = 0;
  /** The token is as fresh as it gets. */
  #renewed = false;
  /** In a call: the server keeps the seat for a while only, so tries come closer together. */
  urgent = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get status(): SessionStatus {
    return this.#status;
  }
  get sessionId(): string {
    return this.#resume?.sessionId ?? '';
  }
  /** Last reliable event seen. */
  get s(): number {
    return this.#resume?.s ?? 0;
  }
  /** Server clock, as far as known. */
  now(): number {
    return Date.now() + this.#clockOffset;
  }

  start(): void {
    if (this.#socket || this.#status.phase === 'waiting') return;
    this.#connect();
  }

  /** Ends the session; the server keeps it for its resume time, then drops it. */
  stop(): void {
    this.#clearTimers();
    this.#dropSocket(1000);
    this.#resume = null;
    this.#renewed = false;
    this.#failPending(offline());
    this.#setStatus({ phase: 'idle', lostAt: 0, attempt: 0, retryAt: 0, code: '' });
  }

  /** Try again now rather than when the backoff ends. */
  retryNow(): void {
    if (this.#status.phase !== 'waiting') return;
    clearTimeout(this.#retryTimer);
    this.#connect();
  }

  /** Called when the network changed: a silent dead socket is found out at once. */
  probe(): void {
    if (this.#status.phase === 'ready') this.#ping();
    else this.retryNow();
  }

  /** Called when the device says that it has no network: not every browser ends its sockets then, and some are wrong. */
  suspect(): void {
    if (this.#status.phase === 'ready') this.#ping(SUSPECT_TIMEOUT_MS);
  }

  /** For tests of the reconnect path: cuts the socket as a network failure would. */
  dropConnection(): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#dropSocket(4000);
    this.#lost(4000);
  }

  /**
   * Sends a command and waits for its ack. With `wait`, a command given while disconnected is
   * sent after the reconnect, within the same timeout.
   */
  async request(op: string, d: unknown = {}, options: { timeoutMs?: number; wait?: boolean } = {}): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? ACK_TIMEOUT_MS;
    if (this.#status.phase !== 'ready') {
      if (!options.wait || this.#status.phase === 'closed' || this.#status.phase === 'idle') throw offline();
      await this.#untilReady(op, timeoutMs);
    }
    return this.#ask(op, d, timeoutMs);
  }

  /** Sends a command without asking for an ack; dropped while disconnected. */
  tell(op: string, d: unknown = {}): boolean {
    if (this.#status.phase !== 'ready' || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(encodeFrame({ op, d }));
    return true;
  }

  #ask(op: string, d: unknown, timeoutMs: number): Promise<unknown> {
    const socket = this.#socket;
    if (!socket || socket.readyState !== OPEN) return Promise.reject(offline());
    const id = this.#nextId;
    this.#nextId = this.#nextId >= 0xffff_ffff ? 1 : this.#nextId + 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(timedOut(op));
      }, timeoutMs);
      this.#pending.set(id, { op, resolve, reject, timer });
      socket.send(encodeFrame({ op, id, d }));
    });
  }

  #untilReady(op: string, timeoutMs: number): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(offline());
    return new Promise((resolve, reject) => {
      const wake = () => {
        clearTimeout(timer);
        if (this.#status.phase === 'ready') resolve();
        else reject(offline());
      };
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((w) => w !== wake);
        reject(timedOut(op));
      }, timeoutMs);
      this.#waiting.push(wake);
    });
  }

  #wakeWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #connect(): void {
    const token = this.#options.token();
    if (!token) {
      this.#close('auth.required');
      return;
    }
    clearTimeout(this.#retryTimer);
    this.#setStatus({ ...this.#status, phase: 'connecting', retryAt: 0 });
    let socket: SocketLike;
    try {
      socket = (this.#options.socket ?? ((url) => new WebSocket(url) as unknown as SocketLike))(this.#options.url);
    } catch {
      this.#lost(1006);
      return;
    }
    this.#socket = socket;
    this.#helloTimer = setTimeout(() => {
      if (this.#socket !== socket) return;
      this.#dropSocket(4000);
      this.#lost(4000);
    }, HELLO_TIMEOUT_MS);
    socket.onopen = () => {
      const { device, client } = this.#options;
      socket.send(
        encodeFrame({
          op: 'session:hello',
          d: { token, device, client, capabilities: ['rtc'], ...(this.#resume ? { resume: this.#resume } : {}) },
        }),
      );
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket && typeof event.data === 'string') this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#dropSocket();
      this.#lost(event.code);
    };
    socket.onerror = () => {};
  }

  #receive(data: string): void {
    const frame = decodeFrame(data);
    if (!frame) return;
    if (frame.type === 'ack') {
      const pending = this.#pending.get(frame.re);
      if (!pending) return;
      this.#pending.delete(frame.re);
      clearTimeout(pending.timer);
      if (frame.ok) pending.resolve(frame.d);
      else pending.reject(new ConveneError(frame.e.code, frame.e.message, frame.e.retryAfter ?? undefined, frame.e.details));
      return;
    }
    switch (frame.ev) {
      case 'session:ready':
        this.#becomeReady(frame.d, frame.s);
        return;
      case 'session:resumed':
        this.#becameResumed(frame.d, frame.s);
        return;
      case 'session:invalid': {
        const code = (frame.d as { code?: string }).code ?? 'auth.invalid';
        // For now only: the close that follows says when to come back.
        if (code.startsWith('server.') || code === 'limit.rate') return;
        if (code === 'auth.expired' && this.#options.renew && !this.#renewed) void this.#renew(this.#options.renew);
        else this.#close(code);
        return;
      }
      case 'session:drain':
        this.#drainDelay = Number((frame.d as { delay?: number }).delay ?? 0);
        return;
      case 'ping':
        this.tell('pong', frame.d);
        return;
      case 'pong':
        return;
    }
    if (frame.s !== undefined && this.#resume) {
      // A replay may overlap with what this client already has.
      if (frame.s <= this.#resume.s) return;
      this.#resume.s = frame.s;
    }
    this.events.emit('event', { ev: frame.ev, d: frame.d });
  }

  /** The session goes on with a fresh token; without one it tries again as after any loss. */
  async #renew(renew: () => Promise<unknown>): Promise<void> {
    this.#clearTimers();
    this.#dropSocket(1000);
    this.#failPending(offline());
    const lost = { ...this.#status, phase: 'waiting', lostAt: this.#status.lostAt || Date.now() } as const;
    this.#setStatus(lost);
    let code = '';
    try {
      await renew();
    } catch (error) {
      code = codeOf(error);
    }
    // Stopped, or started anew meanwhile.
    if (this.#status !== lost) return;
    if (code.startsWith('auth.')) return this.#close(code);
    if (code) return this.#lost(4000);
    // A fresh token that has expired as well would go round in circles.
    this.#renewed = true;
    this.#connect();
  }

  #becomeReady(data: unknown, s: number | undefined): void {
    const ready = read(readySchema, data, 'session:ready');
    if (!ready) {
      this.#dropSocket(4000);
      this.#lost(4000);
      return;
    }
    this.#heartbeat = Math.max(5_000, ready.heartbeat);
    this.#resume = { sessionId: ready.sessionId, s: s ?? 0 };
    const serverTime = Date.parse(ready.serverTime);
    if (Number.isFinite(serverTime)) this.#clockOffset = serverTime - Date.now();
    this.#online(() => this.events.emit('ready', ready));
  }

  #becameResumed(data: unknown, s: number | undefined): void {
    if (this.#resume && s !== undefined && s > this.#resume.s) this.#resume.s = s;
    this.#online(() => this.events.emit('resumed', { replayed: Number((data as { replayed?: number }).replayed ?? 0) }));
  }

  #online(announce: () => void): void {
    clearTimeout(this.#helloTimer);
    this.#drainDelay = null;
    this.#renewed = false;
    // Listeners of `ready` see the new phase; listeners of `status` see the new data.
    this.#status = { phase: 'ready', lostAt: 0, attempt: 0, retryAt: 0, code: '' };
    announce();
    this.events.emit('status', this.#status);
    this.#schedulePing();
    this.#wakeWaiting();
  }

  #schedulePing(): void {
    clearTimeout(this.#pingTimer);
    this.#pingTimer = setTimeout(() => this.#ping(), this.#heartbeat);
  }

  #ping(timeoutMs = PONG_TIMEOUT_MS): void {
    const socket = this.#socket;
    this.#ask('ping', { t: Date.now() }, timeoutMs).then(
      () => this.#schedulePing(),
      (error: ConveneError) => {
        if (this.#socket !== socket || !socket) return;
        // An error answer still proves that somebody is there.
        if (error.code !== 'client.timeout') return this.#schedulePing();
        this.#dropSocket(4000);
        this.#lost(4000);
      },
    );
  }

  #lost(code: number): void {
    this.#clearTimers();
    this.#failPending(offline());
    if (code === 4001 || code === 4003) {
      this.#close(code === 4003 ? 'auth.banned' : 'auth.invalid');
      return;
    }
    if (code === 4002) {
      this.#close('session.replaced');
      return;
    }
    const attempt = this.#status.attempt;
    const drain = this.#drainDelay;
    this.#drainDelay = null;
    // The first attempt comes soon: most losses are a cable or a lift.
    const soon = attempt === 0 ? 250 * (0.5 + (this.#options.random ?? Math.random)()) : null;
    const delay = drain ?? soon ?? backoffDelay(attempt - 1, this.#options.random, this.urgent ? LONGEST_IN_CALL_MS : undefined);
    this.#setStatus({
      phase: 'waiting',
      lostAt: this.#status.lostAt || Date.now(),
      attempt: attempt + 1,
      retryAt: Date.now() + delay,
      code: '',
    });
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
  }

  #close(code: string): void {
    this.#clearTimers();
    this.#dropSocket(1000);
    this.#resume = null;
    this.#failPending(offline());
    this.#setStatus({ ...this.#status, phase: 'closed', code, retryAt: 0 });
    this.#wakeWaiting();
  }

  #dropSocket(code?: number): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    // Browsers accept only 1000 and 3000-4999 here.
    if (code !== undefined) socket.close(code);
  }

  #failPending(error: ConveneError): void {
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(error);
    }
    this.#pending.clear();
  }

  #clearTimers(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#helloTimer);
    clearTimeout(this.#pingTimer);
  }

  #setStatus(status: SessionStatus): void {
    this.#status = status;
    this.events.emit('status', status);
  }
}
