/** The ring: a soft two-note phrase that repeats until it is stopped. Made here, no file to load. */
let context: AudioContext | null = null;
let timer: ReturnType<typeof setInterval> | undefined;

const PHRASE_MS = 2_400;
const NOTES: readonly (readonly [at: number, hz: number, length: number])[] = [
  [0, 587.33, 0.42],
  [0.2, 880, 0.5],
  [0.75, 587.33, 0.42],
  [0.95, 880, 0.6],
];

export function startTone(): void {
  if (timer !== undefined || typeof AudioContext === 'undefined') return;
  context = new AudioContext();
  void context.resume().catch(() => {});
  phrase();
  timer = setInterval(phrase, PHRASE_MS);
}

/** Silence at once, also in the middle of a note. */
export function stopTone(): void {
  clearInterval(timer);
  timer = undefined;
  void context?.close().catch(() => {});
  context = null;
}

export const toneBlocked = (): boolean => context !== null && context.state === 'suspended';

function phrase(): void {
  const audio = context;
  if (!audio || audio.state !== 'running') {
    void audio?.resume().catch(() => {});
    if (!audio || audio.state === 'closed') return;
  }
  const start = audio.currentTime + 0.02;
  for (const [at, hz, length] of NOTES) {
    const gain = audio.createGain();
    gain.gain.setValueAtTime(0, start + at);
    gain.gain.linearRampToValueAtTime(0.16, start + at + 0.03);
    gain.gain.exponentialRampToValueAtTime(0.0008, start + at + length);
    const oscillator = audio.createOscillator();
    oscillator.type = 'sine';
    oscillator.frequency.value = hz;
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(start + at);
    oscillator.stop(start + at + length);
  }
}

/** One tab of a person makes the sound: whoever holds the lock. */
export function leadRinging(userId: string): { leads: () => boolean; release: () => void } {
  if (!navigator.locks) return { leads: () => true, release: () => {} };
  let leads = false;
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const abort = new AbortController();
  void navigator.locks
    .request(`convene-ring-${userId}`, { signal: abort.signal }, () => {
      leads = true;
      return held;
    })
    .catch(() => {});
  return {
    leads: () => leads,
    release: () => {
      abort.abort();
      release();
    },
  };
}
