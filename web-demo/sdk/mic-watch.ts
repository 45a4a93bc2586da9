/** Two notices about my own voice, from samples of the open microphone. Pure: time comes in with each sample. */
export interface MicSample {
  now: number;
  /** Loudness of the last tenth of a second, 0-1. */
  rms: number;
  /** The loudest sample: exactly 0 means that the device gives nothing, not even noise. */
  peak: number;
  /** The browser says that the device gives nothing. */
  trackMuted: boolean;
}

/** Even a quiet room has noise; this long without any is a switch on a cable or a dead driver. */
export const SILENT_AFTER_MS = 3_000;

export class SilenceWatch {
  #since: number | null = null;

  /** Whether the microphone gives nothing at all, for so long that it is no accident. */
  feed({ now, peak, trackMuted }: MicSample): boolean {
    if (peak > 0 && !trackMuted) {
      this.#since = null;
      return false;
    }
    this.#since ??= now;
    return now - this.#since >= SILENT_AFTER_MS;
  }

  reset(): void {
    this.#since = null;
  }
}

const SPEECH_RMS = 0.02;
/** Of the last so many samples, so many must be loud: a cough or a closing door is none. */
const WINDOW = 10;
const LOUD_OF_WINDOW = 6;
/** Who has just muted on purpose may be ending a sentence. */
export const AFTER_MUTE_MS = 10_000;

export class TalkWatch {
  #mutedAt: number | null = null;
  #told = false;
  #loud: boolean[] = [];

  /** True once per time of being muted: somebody speaks, and nobody hears it. */
  feed({ now, rms }: MicSample, muted: boolean): boolean {
    if (!muted) {
      this.#mutedAt = null;
      this.#told = false;
      this.#loud = [];
      return false;
    }
    this.#mutedAt ??= now;
    this.#loud = [...this.#loud.slice(1 - WINDOW), rms >= SPEECH_RMS];
    if (this.#told || now - this.#mutedAt < AFTER_MUTE_MS) return false;
    this.#told = this.#loud.filter(Boolean).length >= LOUD_OF_WINDOW;
    return this.#told;
  }
}
