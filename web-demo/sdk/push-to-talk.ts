/** Hold to talk, as a state machine. Whatever ends it, it ends muted; it never "toggles back". */

/** Words end later than fingers leave keys. */
export const TAIL_MS = 150;

export type TalkState = 'idle' | 'talking' | 'tail';

export class PushToTalk {
  #state: TalkState = 'idle';
  #tailEnds = 0;
  readonly #talk: (on: boolean) => void;

  /** `talk(true)` opens the microphone, `talk(false)` mutes it. */
  constructor(talk: (on: boolean) => void) {
    this.#talk = talk;
  }

  get state(): TalkState {
    return this.#state;
  }
  /** When `tick` has something to do. */
  get nextAt(): number | null {
    return this.#state === 'tail' ? this.#tailEnds : null;
  }

  press(): void {
    const before = this.#state;
    this.#state = 'talking';
    if (before === 'idle') this.#talk(true);
  }

  release(now: number): void {
    if (this.#state !== 'talking') return;
    this.#state = 'tail';
    this.#tailEnds = now + TAIL_MS;
  }

  tick(now: number): void {
    if (this.#state !== 'tail' || now < this.#tailEnds) return;
    this.#end();
  }

  /** The window lost its keys, was hidden, or the mode was left: nobody can tell any more when the key goes up. */
  stop(): void {
    if (this.#state !== 'idle') this.#end();
  }

  #end(): void {
    this.#state = 'idle';
    this.#talk(false);
  }
}
