/**
 * What we ask the SFU for: the page states per track how large it is shown; changes are sent as one
 * message per 100 ms. A larger layer is asked for at once, a smaller one after a second.
 */
export type Layer = 0 | 1 | 2 | 'off';

export interface Wish {
  trackId: string;
  layer: Layer;
  maxFps?: number;
  priority?: number;
}

const BATCH_MS = 100;
const LOWER_AFTER_MS = 1_000;
/** Heights of the camera's three layers. */
const LOW = 180;
const MIDDLE = 360;
const HYSTERESIS = 1.15;

/** The lowest layer that fills a box of this many device pixels; stays where it is near a boundary. */
export function layerFor(height: number, current: Layer | undefined): Layer {
  if (height <= 0) return 'off';
  const limit = (edge: number, layer: number) => (typeof current === 'number' && current <= layer ? edge * HYSTERESIS : edge);
  if (height <= limit(LOW, 0)) return 0;
  if (height <= limit(MIDDLE, 1)) return 1;
  return 2;
}

export class Subscriptions {
  readonly #send: (wishes: Wish[]) => boolean;
  #wanted = new Map<string, Wish>();
  #sent = new Map<string, string>();
  #forced = new Map<string, Layer>();
  #maxFps = new Map<string, number>();
  #lowering = new Map<string, ReturnType<typeof setTimeout>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #paused = false;

  constructor(send: (wishes: Wish[]) => boolean) {
    this.#send = send;
  }

  /** The box in which the track is shown, in device pixels; 0 = not shown. */
  show(trackId: string, height: number, priority: number): void {
    const current = this.#wanted.get(trackId);
    const layer = layerFor(height, current?.layer);
    const next: Wish = { trackId, layer, priority };
    clearTimeout(this.#lowering.get(trackId));
    this.#lowering.delete(trackId);
    if (current && rank(layer) < rank(current.layer)) {
      this.#lowering.set(
        trackId,
        setTimeout(() => {
          this.#lowering.delete(trackId);
          this.#wanted.set(trackId, next);
          this.#schedule();
        }, LOWER_AFTER_MS),
      );
      return;
    }
    this.#wanted.set(trackId, next);
    this.#schedule();
  }

  /** The track is no longer on the page, at least not now. */
  hide(trackId: string): void {
    if (this.#wanted.has(trackId)) this.show(trackId, 0, 0);
  }

  /** A choice of the viewer that overrides the automatic one; `null` returns to it. */
  force(trackId: string, layer: Layer | null): void {
    if (layer === null) this.#forced.delete(trackId);
    else this.#forced.set(trackId, layer);
    this.#schedule();
  }
  /** No more pictures per second than this, where the codec lets the server leave some out; `null` = all. */
  limitFps(trackId: string, maxFps: number | null): void {
    if (maxFps === null) this.#maxFps.delete(trackId);
    else this.#maxFps.set(trackId, maxFps);
    this.#schedule();
  }
  forced(trackId: string): Layer | null {
    return this.#forced.get(trackId) ?? null;
  }
  wanted(trackId: string): Layer | null {
    return this.#effective(trackId)?.layer ?? null;
  }

  /** Nobody looks: stop all video, keep the wishes. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    this.#schedule();
  }

  forget(trackId: string): void {
    clearTimeout(this.#lowering.get(trackId));
    this.#lowering.delete(trackId);
    this.#wanted.delete(trackId);
    this.#sent.delete(trackId);
    this.#forced.delete(trackId);
    this.#maxFps.delete(trackId);
  }

  /** The server has a new participant of ours: it knows nothing yet. */
  resend(): void {
    this.#sent.clear();
    this.#schedule();
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const t of this.#lowering.values()) clearTimeout(t);
    this.#lowering.clear();
    this.#wanted.clear();
    this.#sent.clear();
    this.#forced.clear();
    this.#maxFps.clear();
  }

  #effective(trackId: string): Wish | null {
    const wish = this.#wanted.get(trackId);
    const forced = this.#forced.get(trackId);
    if (!wish && forced === undefined) return null;
    const maxFps = this.#maxFps.get(trackId);
    const base: Wish = { ...(wish ?? { trackId, layer: 0 }), ...(maxFps === undefined ? {} : { maxFps }) };
    if (this.#paused) return { ...base, layer: 'off' };
    return forced === undefined ? base : { ...base, layer: forced };
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, BATCH_MS);
  }

  #flush(): void {
    const changed: Wish[] = [];
    for (const id of new Set([...this.#wanted.keys(), ...this.#forced.keys()])) {
      const wish = this.#effective(id);
      if (wish && this.#sent.get(id) !== key(wish)) changed.push(wish);
    }
    if (changed.length === 0 || !this.#send(changed)) return;
    for (const wish of changed) this.#sent.set(wish.trackId, key(wish));
  }
}

const rank = (layer: Layer): number => (layer === 'off' ? -1 : layer);
const key = (w: Wish): string => `${w.layer}/${w.maxFps ?? ''}/${w.priority ?? ''}`;
