/**
 * Who speaks, on the fast lane: listeners change elements directly, nothing is rendered.
 * Others come from the server; my own level is measured here, not echoed.
 */
import { Emitter } from './emitter';
import { Voice } from './voice';

/** Below this (0-127, 127 loudest) it is breath and fans. */
const SPEECH_LEVEL = 12;
/** The server tells of changes at up to 4 Hz; without news for this long nobody speaks. */
const STALE_MS = 2_500;
const OWN_TICK_MS = 40;
/** As many samples as a tick has at 48 kHz, so that no sound falls between two. */
const OWN_SAMPLES = 2048;
const OWN_THRESHOLD = 0.012;

export class Levels {
  readonly events = new Emitter<{ speaking: { key: string; speaking: boolean }; own: number }>();
  #speaking = new Map<string, ReturnType<typeof setTimeout>>();
  #voice = new Voice();
  #context: AudioContext | null = null;
  #own: { source: MediaStreamAudioSourceNode; timer: ReturnType<typeof setInterval> } | null = null;
  #ownTrack: MediaStreamTrack | null = null;
  ownKey = '';

  isSpeaking(key: string): boolean {
    return this.#speaking.has(key);
  }
  get speakers(): string[] {
    return [...this.#speaking.keys()];
  }

  /** `call:speakers`; keys are participant ids. The server holds speakers through the pauses between words. */
  onSpeakers(rows: readonly { key: string; level: number }[]): void {
    const loud = new Set(rows.filter((r) => r.level >= SPEECH_LEVEL && r.key !== this.ownKey).map((r) => r.key));
    for (const key of loud) this.#start(key, STALE_MS);
    for (const key of [...this.#speaking.keys()]) if (!loud.has(key) && key !== this.ownKey) this.#stop(key);
  }

  /** Measures my own microphone; `null` stops. */
  measure(track: MediaStreamTrack | null): void {
    if (track === this.#ownTrack) {
      // A muted microphone never shows a ring, not even for the hold time.
      if (!track?.enabled) this.#silence();
      return;
    }
    this.#stopOwn();
    this.#ownTrack = track;
    if (!track || typeof AudioContext === 'undefined') return;
    this.#context ??= new AudioContext();
    void this.#context.resume().catch(() => {});
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = OWN_SAMPLES;
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const x of samples) sum += x * x;
      const rms = track.enabled ? Math.sqrt(sum / samples.length) : 0;
      this.events.emit('own', rms);
      if (!track.enabled) this.#silence();
      else if (!this.ownKey) return;
      else if (this.#voice.hear(performance.now(), rms > OWN_THRESHOLD)) this.#start(this.ownKey, STALE_MS);
      else this.#stop(this.ownKey);
    }, OWN_TICK_MS);
    this.#own = { source, timer };
  }

  clear(): void {
    for (const key of [...this.#speaking.keys()]) this.#stop(key);
  }

  close(): void {
    this.#stopOwn();
    this.clear();
    void this.#context?.close().catch(() => {});
    this.#context = null;
  }

  #start(key: string, holdMs: number): void {
    const running = this.#speaking.get(key);
    clearTimeout(running);
    this.#speaking.set(key, setTimeout(() => this.#stop(key), holdMs));
    if (running === undefined) this.events.emit('speaking', { key, speaking: true });
  }

  #stop(key: string): void {
    const timer = this.#speaking.get(key);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#speaking.delete(key);
    this.events.emit('speaking', { key, speaking: false });
  }

  #silence(): void {
    this.#voice.reset();
    this.#stop(this.ownKey);
  }

  #stopOwn(): void {
    this.#silence();
    if (this.#own) {
      clearInterval(this.#own.timer);
      this.#own.source.disconnect();
    }
    this.#own = null;
    this.#ownTrack = null;
    this.events.emit('own', 0);
  }
}
