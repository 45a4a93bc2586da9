/**
 * What we ask the SFU for: the page states per track how large it is shown; changes are sent as one
 * message per 100 ms. A larger layer is asked for at once, a smaller one after a second. `off` keeps the
 * place of a track and stops its pictures; the protocol has nothing beyond it.
 */
export type Layer = 0 | 1 | 2 | 'off';

export interface Wish {
  trackId: string;
  layer: Layer;
  maxFps?: number;
  priority?: number;
}

/** How a track is shown. */
export interface Look {
  /** Of the picture in device pixels; 0 = not shown. */
  height: number;
  /** Who is to suffer last when there is too little room for all. */
  priority: number;
  /** The large one: it does not wait until a small picture has come. */
  urgent?: boolean;
  /** It is read, so it is never shown small first. */
  sharp?: boolean;
}

interface Want {
  bucket: number;
  target: Layer;
  asked: Layer;
  priority: number;
  /** Asked for small first, and the small picture is not here yet. */
  arriving: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

const BATCH_MS = 100;
const LOWER_AFTER_MS = 1_000;
/** A picture that does not come small by then is asked for in its size all the same. */
const RAISE_AFTER_MS = 1_000;
const MAX_DENSITY = 2;
/** Heights that are asked for: a tile that grows a little needs no other picture. */
const BUCKETS = [180, 360, 720, 1080] as const;
const HYSTERESIS = 1.15;
const ASPECT = 16 / 9;

/** The height in device pixels that a camera's picture needs to fill a box, or to stand inside it. */
export function neededHeight(box: { w: number; h: number }, density: number, fit: 'cover' | 'contain'): number {
  const byWidth = box.w / ASPECT;
  const height = fit === 'cover' ? Math.max(box.h, byWidth) : Math.min(box.h, byWidth);
  return Math.round(height * Math.min(density, MAX_DENSITY));
}

/** The smallest bucket that holds this height; stays where it is up to 15 % beyond. 0 = nothing to show. */
export function bucketFor(height: number, current: number): number {
  if (height <= 0) return 0;
  const fits = BUCKETS.find((edge) => height <= edge) ?? BUCKETS[BUCKETS.length - 1] ?? 0;
  return current > 0 && fits > current && height <= current * HYSTERESIS ? current : fits;
}

/** Of the camera's three layers, the lowest that fills a bucket. */
export function layerOf(bucket: number): Layer {
  if (bucket <= 0) return 'off';
  if (bucket <= 180) return 0;
  return bucket <= 360 ? 1 : 2;
}

export class Subscriptions {
  readonly #send: (wishes: Wish[]) => boolean;
  #wants = new Map<string, Want>();
  #sent = new Map<string, string>();
  #forced = new Map<string, Layer>();
  #maxFps = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #paused = false;

  constructor(send: (wishes: Wish[]) => boolean) {
    this.#send = send;
  }

  /** Said again whenever it may have changed; the same costs nothing. */
  show(trackId: string, look: Look): void {
    const known = this.#wants.get(trackId);
    const want: Want = known ?? { bucket: 0, target: 'off', asked: 'off', priority: 0, arriving: false, timer: undefined };
    this.#wants.set(trackId, want);
    want.bucket = bucketFor(look.height, want.bucket);
    want.priority = look.priority;
    const target = layerOf(want.bucket);
    if (want.target !== target) {
      want.target = target;
      this.#aim(want, look);
    } else if (want.arriving && look.urgent) this.#later(want, BATCH_MS);
    this.#schedule();
  }

  /** The track is no longer on the page, at least not now. */
  hide(trackId: string): void {
    if (this.#wants.has(trackId)) this.show(trackId, { height: 0, priority: 0 });
  }

  /** Its picture is there: it may become as large as it is shown. */
  arrived(trackId: string): void {
    const want = this.#wants.get(trackId);
    if (want?.arriving) this.#settle(want);
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

  /** Nobody looks: stop all video, keep the wishes. Who comes back sees what matters most first. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    if (!paused) {
      const top = Math.max(...[...this.#wants.values()].filter((want) => want.asked !== 'off').map((want) => want.priority));
      this.#flush((id) => this.#wants.get(id)?.priority === top);
    }
    this.#schedule();
  }

  forget(trackId: string): void {
    clearTimeout(this.#wants.get(trackId)?.timer);
    this.#wants.delete(trackId);
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
    this.#timer = undefined;
    for (const want of this.#wants.values()) clearTimeout(want.timer);
    this.#wants.clear();
    this.#sent.clear();
    this.#forced.clear();
    this.#maxFps.clear();
  }

  /** On the way to another target. */
  #aim(want: Want, { urgent = false, sharp = false }: Look): void {
    if (want.arriving && want.target !== 'off') {
      if (urgent) this.#later(want, BATCH_MS);
      return;
    }
    clearTimeout(want.timer);
    want.timer = undefined;
    want.arriving = false;
    if (rank(want.target) < rank(want.asked)) this.#later(want, LOWER_AFTER_MS);
    else if (want.asked === 'off' && rank(want.target) > 0 && !sharp) {
      want.asked = 0;
      want.arriving = true;
      this.#later(want, urgent ? BATCH_MS : RAISE_AFTER_MS);
    } else want.asked = want.target;
  }

  #later(want: Want, ms: number): void {
    clearTimeout(want.timer);
    want.timer = setTimeout(() => this.#settle(want), ms);
  }

  #settle(want: Want): void {
    clearTimeout(want.timer);
    want.timer = undefined;
    want.arriving = false;
    want.asked = want.target;
    this.#schedule();
  }

  #effective(trackId: string): Wish | null {
    const want = this.#wants.get(trackId);
    const forced = this.#forced.get(trackId);
    if (!want && forced === undefined) return null;
    const maxFps = this.#maxFps.get(trackId);
    const layer = this.#paused ? 'off' : (forced ?? want?.asked ?? 0);
    return { trackId, layer, ...(want ? { priority: want.priority } : {}), ...(maxFps === undefined ? {} : { maxFps }) };
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush(() => true);
    }, BATCH_MS);
  }

  #flush(which: (trackId: string) => boolean): void {
    const changed: Wish[] = [];
    for (const id of new Set([...this.#wants.keys(), ...this.#forced.keys()])) {
      const wish = which(id) ? this.#effective(id) : null;
      if (wish && this.#sent.get(id) !== key(wish)) changed.push(wish);
    }
    if (changed.length === 0) return;
    changed.sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
    if (!this.#send(changed)) return;
    for (const wish of changed) this.#sent.set(wish.trackId, key(wish));
  }
}

const rank = (layer: Layer): number => (layer === 'off' ? -1 : layer);
const key = (w: Wish): string => `${w.layer}/${w.maxFps ?? ''}/${w.priority ?? ''}`;
