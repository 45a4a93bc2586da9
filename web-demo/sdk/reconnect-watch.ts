/** Drives the reconnect table from the session, the call and the clock, and pauses sending when the table says so. */
import type { Call } from './call';
import { Emitter } from './emitter';
import type { LocalMedia } from './local-media';
import { Reconnect, type ConnectionView } from './reconnect';
import type { Session } from './session';

export class ReconnectWatch {
  readonly events = new Emitter<{ change: ConnectionView }>();
  readonly #session: Session;
  readonly #call: Call;
  readonly #local: LocalMedia;
  readonly #machine = new Reconnect();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, call: Call, local: LocalMedia) {
    this.#session = session;
    this.#call = call;
    this.#local = local;
    session.events.on('status', () => this.#step());
    call.events.on('change', () => this.#step());
    if (typeof addEventListener === 'function') for (const name of ['online', 'offline']) addEventListener(name, () => this.#step());
  }

  get view(): ConnectionView {
    return this.#machine.view;
  }

  #step(): void {
    clearTimeout(this.#timer);
    const { phase, lostAt } = this.#session.status;
    const { phase: callPhase, mediaLostAt } = this.#call.state;
    const before = this.#machine.view;
    const view = this.#machine.step(Date.now(), {
      signallingLostAt: phase === 'closed' ? 0 : lostAt,
      mediaLostAt,
      online: globalThis.navigator?.onLine ?? true,
      inCall: callPhase === 'joined',
    });
    const { nextAt } = this.#machine;
    if (nextAt !== null) this.#timer = setTimeout(() => this.#step(), Math.max(0, nextAt - Date.now()));
    const changed = (Object.keys(view) as (keyof ConnectionView)[]).some((key) => view[key] !== before[key]);
    if (!changed) return;
    this.#local.pauseSending(view.pauseSending);
    this.events.emit('change', view);
  }
}
