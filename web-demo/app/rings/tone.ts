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

/** `output`: the speaker it rings on; '' for the system's. */
export function startTone(output = ''): void {
  if (timer !== undefined || typeof AudioContext === 'undefined') return;
  context = new AudioContext();
  void routed(context, output);
  void context.resume().catch(() => {});
  phrase();
  timer = setInterval(phrase, PHRASE_MS);
}

/** The browser may allow sound from the next click on. */
export function retryTone(): void {
  if (toneBlocked()) phrase();
}

/** Once, for trying out a speaker. */
export function playOnce(output: string): void {
  const audio = new AudioContext();
  void routed(audio, output).then(() => {
    const last = tones(audio);
    if (last) last.onended = () => void audio.close();
  });
}

/** Two soft notes, down when the connection is lost and up when it is back. */
export function playCue(up: boolean): void {
  if (typeof AudioContext === 'undefined') return;
  const audio = new AudioContext();
  const [first, second] = up ? [523.25, 659.25] : [440, 349.23];
  tone(audio, 0, first, 0.16, 0.05);
  tone(audio, 0.14, second, 0.24, 0.05).onended = () => void audio.close();
}

/** One soft note: somebody is here, or is gone. */
export function playComing(came: boolean, output: string): void {
  if (typeof AudioContext === 'undefined') return;
  const audio = new AudioContext();
  void routed(audio, output).then(() => (tone(audio, 0, came ? 698.46 : 466.16, 0.22, 0.04).onended = () => void audio.close()));
}

async function routed(audio: AudioContext, output: string): Promise<void> {
  const sink = audio as AudioContext & { setSinkId?: (id: string) => Promise<void> };
  if (output && sink.setSinkId) await sink.setSinkId(output).catch(() => {});
}

/** Silence at once, also in the middle of a note. */
export function stopTone(): void {
  clearInterval(timer);
  timer = undefined;
  void context?.close().catch(() => {});
  context = null;
}

export const toneSounds = (): boolean => context?.state === 'running';
export const toneBlocked = (): boolean => context?.state === 'suspended';

function phrase(): void {
  const audio = context;
  if (!audio || audio.state !== 'running') {
    void audio?.resume().catch(() => {});
    if (!audio || audio.state === 'closed') return;
  }
  tones(audio);
}

function tones(audio: AudioContext): OscillatorNode | undefined {
  return NOTES.map(([at, hz, length]) => tone(audio, at, hz, length, 0.16)).at(-1);
}

function tone(audio: AudioContext, at: number, hz: number, length: number, loud: number): OscillatorNode {
  const start = audio.currentTime + 0.02 + at;
  const gain = audio.createGain();
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(loud, start + 0.03);
  gain.gain.exponentialRampToValueAtTime(0.0008, start + length);
  const oscillator = audio.createOscillator();
  oscillator.type = 'sine';
  oscillator.frequency.value = hz;
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(start);
  oscillator.stop(start + length);
  return oscillator;
}
