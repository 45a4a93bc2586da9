/** Plays received audio. Elements are kept and used again, because some browsers refuse new ones in a background tab. */
import { Emitter } from './emitter';

/** As many people as usually speak in one room; more get elements of their own when they come. */
const POOL = 12;

export class AudioSink {
  readonly events = new Emitter<{ blocked: boolean }>();
  #playing = new Map<string, HTMLAudioElement>();
  #free: HTMLAudioElement[] = [];
  #blocked = false;
  #deafened = false;
  #chosen = '';
  #sinkId = '';

  get blocked(): boolean {
    return this.#blocked;
  }
  /** The speaker in use; '' for the system's. */
  get sinkId(): string {
    return this.#sinkId;
  }

  /** Called in the click that joins: what is started by it may play later, also while the tab is behind others. */
  start(): void {
    while (this.#free.length + this.#playing.size < POOL) this.#free.push(this.#create());
    // Silence is enough. A refusal says nothing yet: there is nothing to hear.
    for (const element of this.#free) element.play().catch(() => {});
  }

  /** Plays exactly these streams, by track id. */
  sync(streams: ReadonlyMap<string, MediaStream>): void {
    for (const [id, element] of this.#playing) {
      if (streams.has(id)) continue;
      element.srcObject = null;
      delete element.dataset['trackId'];
      this.#playing.delete(id);
      this.#free.push(element);
    }
    for (const [id, stream] of streams) {
      const known = this.#playing.get(id);
      if (known?.srcObject === stream) continue;
      const element = known ?? this.#free.shift() ?? this.#create();
      element.dataset['trackId'] = id;
      element.srcObject = stream;
      this.#playing.set(id, element);
      void this.#play(element);
    }
    if (this.#playing.size === 0) this.#setBlocked(false);
  }

  /** Called from a click or key: the browser allows sound now. */
  unblock(): void {
    for (const element of this.#playing.values()) void this.#play(element);
  }

  deafen(deafened: boolean): void {
    this.#deafened = deafened;
    for (const element of this.#playing.values()) element.muted = deafened;
  }

  async useSpeaker(sinkId: string): Promise<void> {
    this.#chosen = sinkId;
    this.#sinkId = sinkId;
    await this.#routeAll();
  }

  /** Speakers came or went: the chosen one while it is there, else the system's; and what stopped plays again. */
  devicesChanged(speakers: readonly string[]): void {
    const sinkId = this.#chosen && speakers.includes(this.#chosen) ? this.#chosen : '';
    // Nothing is listed before the first permission; that is no loss.
    if (speakers.length > 0) this.#sinkId = sinkId;
    void this.#routeAll().then(() => this.recheck());
  }

  /** After a phone call, another app or a lost output, elements may have stopped by themselves. */
  recheck(): void {
    for (const element of this.#playing.values()) if (element.paused) void this.#play(element);
  }

  close(): void {
    this.sync(new Map());
    for (const element of this.#free) element.remove();
    this.#free = [];
    this.#setBlocked(false);
  }

  #create(): HTMLAudioElement {
    const element = document.createElement('audio');
    element.autoplay = true;
    element.hidden = true;
    element.addEventListener('playing', () => {
      // Whatever `play()` said: there is sound.
      if (element.srcObject) this.#setBlocked(false);
    });
    document.body.append(element);
    void this.#route(element);
    return element;
  }

  async #routeAll(): Promise<void> {
    await Promise.all([...this.#playing.values(), ...this.#free].map((element) => this.#route(element)));
  }

  async #route(element: HTMLAudioElement): Promise<void> {
    if ('setSinkId' in element && (this.#sinkId || element.sinkId)) await element.setSinkId(this.#sinkId).catch(() => {});
  }

  async #play(element: HTMLAudioElement): Promise<void> {
    element.muted = this.#deafened;
    try {
      await element.play();
      this.#setBlocked(false);
    } catch (error) {
      if ((error as { name?: string }).name === 'NotAllowedError') this.#setBlocked(true);
    }
  }

  #setBlocked(blocked: boolean): void {
    if (this.#blocked === blocked) return;
    this.#blocked = blocked;
    this.events.emit('blocked', blocked);
  }
}
