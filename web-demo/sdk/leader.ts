/** Of all tabs of one person in this browser, one does what only one should do: ring, for example. */
import { Emitter } from './emitter';

/** How long a tab that gave the lead away stays out of the queue, so that another one gets it. */
const YIELD_MS = 300;

export class TabLeader<Word> {
  readonly events = new Emitter<{ leads: boolean; word: Word }>();
  readonly #name: string;
  readonly #channel: BroadcastChannel | null;
  #leads = false;
  #closed = false;
  #release: () => void = () => {};
  #abort = new AbortController();

  constructor(name: string) {
    this.#name = name;
    this.#channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(name);
    this.#channel?.addEventListener('message', (event: MessageEvent<Word>) => this.events.emit('word', event.data));
    this.#stand();
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** To the other tabs. */
  say(word: Word): void {
    if (!this.#closed) this.#channel?.postMessage(word);
  }

  /** This tab cannot do it; another one that waits takes over. */
  yield(): void {
    if (!this.#leads || this.#closed || !navigator.locks) return;
    this.#release();
    this.#set(false);
    setTimeout(() => this.#stand(), YIELD_MS);
  }

  close(): void {
    this.#closed = true;
    this.#abort.abort();
    this.#release();
    this.#set(false);
    this.#channel?.close();
  }

  #stand(): void {
    if (this.#closed) return;
    // Without a secure context there are no locks: every tab is on its own.
    if (!navigator.locks) return this.#set(true);
    navigator.locks
      .request(this.#name, { signal: this.#abort.signal }, () => {
        if (this.#closed) return;
        this.#set(true);
        return new Promise<void>((done) => (this.#release = done));
      })
      .catch(() => {});
  }

  #set(leads: boolean): void {
    if (leads === this.#leads) return;
    this.#leads = leads;
    this.events.emit('leads', leads);
  }
}
