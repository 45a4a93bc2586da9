/** Plays received audio. Elements are kept and used again, because some browsers refuse new ones in a background tab. */
import { Emitter } from './emitter';

export class AudioSink {
  readonly events = new Emitter<{ blocked: boolean }>();
  #playing = new Map<string, HTMLAudioElement>();
  #free: HTMLAudioElement[] = [];
  #blocked = false;
  #deafened = false;
  #sinkId = '';

  get blocked(): boolean {
    return this.#blocked;
  }

  /** Plays exactly these streams, by track id. */
  sync(streams: ReadonlyMap<string, MediaStream>): void {
    for (const [id, element] of this.#playing) {
      if (streams.has(id)) continue;
      element.srcObject = null;
      this.#playing.delete(id);
      this.#free.push(element);
    }
    for (const [id, stream] of streams) {
      const known = this.#playing.get(id);
      if (known?.srcObject === stream) continue;
      const element = known ?? this.#free.pop() ?? this.#create();
      element.dataset['trackId'] = id;
      element.srcObject = stream;
      this.#playing.set(id, element);
      void this.#play(element);
    }
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
    this.#sinkId = sinkId;
    for (const element of [...this.#playing.values(), ...this.#free]) await this.#route(element);
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
    document.body.append(element);
    void this.#route(element);
    return element;
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
