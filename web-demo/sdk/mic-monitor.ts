/** Listens to the open microphone, also while it is muted: nothing of it leaves the page. */
import type { MicSample } from './mic-watch';

const TICK_MS = 100;
/** Long enough that a tenth of a second has few gaps. */
const SAMPLES = 4_096;

export class MicMonitor {
  readonly #heard: (sample: MicSample) => void;
  #context: AudioContext | null = null;
  #source: MediaStreamAudioSourceNode | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #copy: MediaStreamTrack | null = null;

  constructor(heard: (sample: MicSample) => void) {
    this.#heard = heard;
  }

  /** `null` ends it. */
  watch(track: MediaStreamTrack | null): void {
    clearInterval(this.#timer);
    this.#source?.disconnect();
    this.#source = null;
    this.#copy?.stop();
    this.#copy = null;
    if (!track || typeof AudioContext === 'undefined') {
      void this.#context?.close().catch(() => {});
      this.#context = null;
      return;
    }
    // The published track is disabled while muted, and gives zeros; a copy of it is not.
    const copy = track.clone();
    copy.enabled = true;
    this.#copy = copy;
    const context = (this.#context ??= new AudioContext());
    const analyser = context.createAnalyser();
    analyser.fftSize = SAMPLES;
    this.#source = context.createMediaStreamSource(new MediaStream([copy]));
    this.#source.connect(analyser);
    const samples = new Float32Array(SAMPLES);
    this.#timer = setInterval(() => {
      // A browser that waits for a click gives zeros, too; they say nothing of the microphone.
      if (context.state !== 'running') return void context.resume().catch(() => {});
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      let peak = 0;
      for (const x of samples) {
        sum += x * x;
        peak = Math.max(peak, Math.abs(x));
      }
      this.#heard({ now: performance.now(), rms: Math.sqrt(sum / SAMPLES), peak, trackMuted: track.muted });
    }, TICK_MS);
  }
}
