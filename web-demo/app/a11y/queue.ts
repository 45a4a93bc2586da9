/**
 * What is said to those who do not see, and when. Two voices: one waits its turn, one does not. What comes too fast is
 * told as a number. Pure: time comes in, texts come out.
 */

/** What may interrupt: nothing else does. */
export type Urgent = 'ring' | 'muted' | 'removed' | 'lost' | 'sharing' | 'recording';

/** Screen readers drop texts that follow each other faster than this. */
export const GAP_MS = 900;
const MAX_QUEUED = 5;
/** More messages of a conversation than this within the window are summed up. */
const MESSAGES = 3;
const MESSAGES_MS = 5_000;
const REACTIONS_MS = 3_000;
/** Many are rung at once: what becomes of them is told together. */
const RINGS_MS = 1_500;
const NAMES = 3;
/** In larger calls nobody is told who comes and goes. */
const PRESENCE_PEOPLE = 8;
const PRESENCE_MS = 3_000;

export interface Texts {
  messages: (n: number, where: string) => string;
  reactions: (n: number, emoji: readonly string[]) => string;
  rung: (names: readonly string[], state: string) => string;
  rungMany: (n: number, state: string) => string;
}

export interface Said {
  polite: string | null;
  assertive: string | null;
  /** When to ask again; `null` = when something new comes. */
  at: number | null;
}

interface Waiting {
  text: string;
  /** Of messages: which conversation, and how many they are. */
  place: string;
  count: number;
}

interface Burst {
  where: string;
  /** When messages came, of the last few seconds. */
  times: number[];
  /** Not told one by one. */
  held: number;
}

export class AnnouncerQueue {
  readonly #texts: Texts;
  #polite: Waiting[] = [];
  #assertive: string[] = [];
  #bursts = new Map<string, Burst>();
  #reactions: { emoji: Set<string>; count: number; due: number; only: string } | null = null;
  /** Who is rung, and what was said of them last. */
  #rings: { states: Map<string, { name: string; state: string }>; due: number } | null = null;
  #lastPresence = -Infinity;
  #free = -Infinity;

  constructor(texts: Texts) {
    this.#texts = texts;
  }

  say(text: string): void {
    this.#push({ text, place: '', count: 0 });
  }

  interrupt(_why: Urgent, text: string): void {
    this.#assertive.push(text);
  }

  /** A message in the conversation `place`, which is called `where`. */
  message(place: string, where: string, text: string, now: number): void {
    const burst = this.#bursts.get(place) ?? { where, times: [], held: 0 };
    this.#bursts.set(place, burst);
    burst.times = [...burst.times.filter((at) => now - at < MESSAGES_MS), now];
    if (burst.times.length <= MESSAGES && burst.held === 0) return this.#push({ text, place, count: 1 });
    // Those that were not said yet are part of the sum.
    for (const one of this.#polite) if (one.place === place) burst.held += one.count;
    burst.held++;
    this.#polite = this.#polite.filter((one) => one.place !== place);
  }

  /** `text` is said if it stays the only one. */
  reaction(text: string, emoji: string, now: number): void {
    const batch = this.#reactions ?? { emoji: new Set<string>(), count: 0, due: now + REACTIONS_MS, only: text };
    batch.count++;
    batch.emoji.add(emoji);
    this.#reactions = batch;
  }

  /** What became of the ring of `name`; what was to be said of it before is not true any more. */
  ring(userId: string, name: string, state: string, now: number): void {
    this.#rings ??= { states: new Map(), due: now + RINGS_MS };
    this.#rings.states.set(userId, { name, state });
  }

  /** Nobody rings there any more. */
  forgetRing(userId: string): void {
    this.#rings?.states.delete(userId);
  }

  /** Somebody came or went, in a call of `people`. */
  presence(text: string, people: number, now: number): void {
    if (people > PRESENCE_PEOPLE || now - this.#lastPresence < PRESENCE_MS) return;
    this.#lastPresence = now;
    this.say(text);
  }

  next(now: number): Said {
    for (const [place, burst] of this.#bursts) {
      const since = burst.times.at(-1) ?? 0;
      const first = burst.times[0] ?? 0;
      if (burst.held > 0 && now - first >= MESSAGES_MS && this.#polite.length < MAX_QUEUED) {
        this.#push({ text: this.#texts.messages(burst.held, burst.where), place, count: burst.held });
        burst.held = 0;
        // The next ones begin a window of their own.
        burst.times = burst.times.filter((at) => now - at < MESSAGES_MS);
      }
      if (burst.held === 0 && now - since >= MESSAGES_MS && !this.#polite.some((one) => one.place === place)) this.#bursts.delete(place);
    }
    const batch = this.#reactions;
    if (batch && now >= batch.due) {
      this.say(batch.count === 1 ? batch.only : this.#texts.reactions(batch.count, [...batch.emoji]));
      this.#reactions = null;
    }
    if (this.#rings && now >= this.#rings.due) {
      const states = new Map<string, string[]>();
      for (const { name, state } of this.#rings.states.values()) states.set(state, [...(states.get(state) ?? []), name]);
      for (const [state, names] of states) this.say(names.length > NAMES ? this.#texts.rungMany(names.length, state) : this.#texts.rung(names, state));
      this.#rings = null;
    }
    const assertive = this.#assertive.length > 0 ? this.#assertive.splice(0).join(' ') : null;
    let polite: string | null = null;
    if (now >= this.#free) {
      polite = this.#polite.shift()?.text ?? null;
      if (polite !== null) this.#free = now + GAP_MS;
    }
    return { polite, assertive, at: this.#wake(now) };
  }

  /** The oldest gives way; messages among it are told as a number later. */
  #push(one: Waiting): void {
    const gone = this.#polite.length >= MAX_QUEUED ? this.#polite.shift() : undefined;
    const burst = gone && this.#bursts.get(gone.place);
    if (gone && burst) burst.held += gone.count;
    this.#polite.push(one);
  }

  #wake(now: number): number | null {
    const times: number[] = [];
    if (this.#polite.length > 0) times.push(Math.max(now, this.#free));
    for (const batch of [this.#reactions, this.#rings]) if (batch) times.push(batch.due);
    const room = this.#polite.length < MAX_QUEUED;
    for (const burst of this.#bursts.values()) if (burst.held > 0 && room) times.push((burst.times[0] ?? now) + MESSAGES_MS);
    return times.length > 0 ? Math.max(now, Math.min(...times)) : null;
  }
}
