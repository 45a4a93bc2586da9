/**
 * Who speaks, on the fast lane: listeners change elements directly, nothing is rendered.
 * Others come from the server; my own level is measured here, not echoed.
 */
import { Emitter } from './emitter';

/** Below this (0-127, 127 loudest) it is breath and fans. */
const SPEECH_LEVEL = 12;
const HOLD_MS = 450;
/** The server tells of changes at up to 4 Hz; without news for this long nobody speaks. */
const STALE_MS = 2_500;
const OWN_TICK_MS = 100;
const OWN_THRESHOLD = 0.012;

export class Levels {
  readonly events = new Emitter<{ speaking: { key: string; speaking: boolean }; own: number }>();
  #speaking = new Map<string, ReturnType<typeof setTimeout>>();
  #fading = new Set<string>();
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

  /** `call:speakers`; keys are participant ids. */
  onSpeakers(rows: readonly { key: string; level: number }[]): void {
    const loud = new Set(rows.filter((r) => r.level >= SPEECH_LEVEL && r.key !== this.ownKey).map((r) => r.key));
    for (const key of loud) {
      this.#fading.delete(key);
      this.#start(key, STALE_MS);
    }
    for (const key of this.#speaking.keys()) {
      // Once: repeated silence must not prolong the ring.
      if (loud.has(key) || key === this.ownKey || this.#fading.has(key)) continue;
      this.#fading.add(key);
      this.#start(key, HOLD_MS);
    }
  }

  /** Measures my own microphone; `null` stops. */
  measure(track: MediaStreamTrack | null): void {
    if (track === this.#ownTrack) return;
    this.#stopOwn();
    this.#ownTrack = track;
    if (!track || typeof AudioContext === 'undefined') return;
    this.#context ??= new AudioContext();
    void this.#context.resume().catch(() => {});
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 512;
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const x of samples) sum += x * x;
      const rms = track.enabled ? Math.sqrt(sum / samples.length) : 0;
      this.events.emit('own', rms);
      if (!this.ownKey) return;
      if (rms > OWN_THRESHOLD) this.#start(this.ownKey, HOLD_MS);
      // A muted microphone never shows a ring, not even for the hold time.
      else if (!track.enabled) this.#stop(this.ownKey);
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
    this.#fading.delete(key);
    this.events.emit('speaking', { key, speaking: false });
  }

  #stopOwn(): void {
    if (this.#own) {
      clearInterval(this.#own.timer);
      this.#own.source.disconnect();
    }
    this.#own = null;
    this.#ownTrack = null;
    this.events.emit('own', 0);
  }
}
