/**
 * What somebody has begun to write, by channel or thread. It outlives a reload; it goes only when the message it
 * became is safe in the outbox.
 */
import type { IDBPDatabase } from 'idb';
import { Emitter } from './emitter';
import { Journal } from './journal';
import { placeOf, type OutboxItem } from './outbox';

export interface DraftStore {
  /** At once: what is written a moment later, and must not be lost in that moment. */
  note?(userId: string, place: string, text: string): void;
  all(userId: string): Promise<[place: string, text: string][]>;
  put(userId: string, place: string, text: string): Promise<void>;
  remove(userId: string, place: string): Promise<void>;
}

export class MemoryDraftStore implements DraftStore {
  readonly rows = new Map<string, { userId: string; place: string; text: string }>();
  async all(userId: string): Promise<[string, string][]> {
    return [...this.rows.values()].filter((row) => row.userId === userId).map((row) => [row.place, row.text]);
  }
  async put(userId: string, place: string, text: string): Promise<void> {
    this.rows.set(`${userId} ${place}`, { userId, place, text });
  }
  async remove(userId: string, place: string): Promise<void> {
    this.rows.delete(`${userId} ${place}`);
  }
}

/**
 * A database takes a moment, and a reload in that moment would lose the last words. So every text is noted in a journal at
 * once, until the database has it.
 */
export class JournaledDraftStore implements DraftStore {
  constructor(
    private readonly database: DraftStore,
    private readonly journal: Journal,
  ) {}

  note(userId: string, place: string, text: string): void {
    this.journal.note(`${userId}.${place}`, text);
  }

  async all(userId: string): Promise<[string, string][]> {
    const noted = this.journal.all(`${userId}.`);
    const stored = await this.database.all(userId).catch(() => []);
    // Cleared, and the database had no time to hear of it.
    for (const [place, text] of noted) if (!text) void this.remove(userId, place).catch(() => {});
    return [...new Map([...stored, ...noted])].filter(([, text]) => text !== '');
  }

  async put(userId: string, place: string, text: string): Promise<void> {
    await this.database.put(userId, place, text);
    this.#written(userId, place, text);
  }

  async remove(userId: string, place: string): Promise<void> {
    await this.database.remove(userId, place);
    this.#written(userId, place, '');
  }

  /** What was typed since stays noted. */
  #written(userId: string, place: string, text: string): void {
    const key = `${userId}.${place}`;
    if (this.journal.get(key) === text) this.journal.forget(key);
  }
}

/** Of this origin. */
export const browserDraftStore = (): DraftStore => new JournaledDraftStore(databaseStore(), new Journal('convene.draft.'));

/** A database of its own: a tab with an earlier version of the page never holds up the outbox. */
function databaseStore(): DraftStore {
  const memory = new MemoryDraftStore();
  // With its first use: nobody who signs in waits for the code of it.
  let opened: Promise<IDBPDatabase | null> | null = null;
  const opening = () =>
    (opened ??= import('idb')
      .then(({ openDB }) =>
        openDB('convene-drafts', 1, {
          upgrade(database) {
            database.createObjectStore('drafts', { keyPath: ['userId', 'place'] });
          },
        }),
      )
      .catch(() => null));
  return {
    async all(userId) {
      const open = await opening();
      if (!open) return memory.all(userId);
      const rows = (await open.getAll('drafts')) as { userId: string; place: string; text: string }[];
      return rows.filter((row) => row.userId === userId).map((row) => [row.place, row.text]);
    },
    async put(userId, place, text) {
      const open = await opening();
      if (open) await open.put('drafts', { userId, place, text });
      else await memory.put(userId, place, text);
    },
    async remove(userId, place) {
      const open = await opening();
      if (open) await open.delete('drafts', [userId, place]);
      else await memory.remove(userId, place);
    },
  };
}

export class Drafts {
  /** A draft came from elsewhere than the keyboard: from the store, or back from the outbox. */
  readonly events = new Emitter<{ change: string }>();
  readonly #store: DraftStore;
  #texts = new Map<string, string>();
  /** Touched since the page was opened: the store has nothing newer. */
  #touched = new Set<string>();
  #dirty = new Set<string>();
  #writing = false;
  #userId = '';

  constructor(store: DraftStore) {
    this.#store = store;
  }

  /** `leftBehind`: what the outbox had when this page was opened. It is no draft any more, though its row may still be here. */
  async open(userId: string, leftBehind: Promise<readonly OutboxItem[]> = Promise.resolve([])): Promise<void> {
    if (this.#userId === userId) return;
    this.#userId = userId;
    const [stored, sent] = await Promise.all([this.#store.all(userId).catch(() => []), leftBehind.catch(() => [])]);
    if (this.#userId !== userId) return;
    for (const [place, text] of stored) {
      if (this.#touched.has(place)) continue;
      if (sent.some((item) => placeOf(item) === place && item.content === text.trim())) {
        this.#dirty.add(place);
        continue;
      }
      this.#texts.set(place, text);
      // It may be noted only.
      this.#dirty.add(place);
      this.events.emit('change', place);
    }
    await this.#write();
  }

  close(): void {
    this.#texts.clear();
    this.#touched.clear();
    this.#dirty.clear();
    this.#userId = '';
  }

  get(place: string): string {
    return this.#texts.get(place) ?? '';
  }

  set(place: string, text: string): void {
    this.#note(place, text);
    if (this.#userId) this.#store.note?.(this.#userId, place, text);
    this.#dirty.add(place);
    void this.#write();
  }

  /** Text that comes back, before what is written there now. */
  restore(place: string, text: string): void {
    this.set(place, [text, this.get(place)].filter(Boolean).join('\n'));
    this.events.emit('change', place);
  }

  /** The composer is empty at once; the stored draft goes when `stored` says that the outbox has the text. */
  async sent(place: string, stored: Promise<unknown>): Promise<void> {
    this.#note(place, '');
    await stored;
    if (this.#userId) this.#store.note?.(this.#userId, place, this.get(place));
    this.#dirty.add(place);
    await this.#write();
  }

  #note(place: string, text: string): void {
    this.#touched.add(place);
    if (text) this.#texts.set(place, text);
    else this.#texts.delete(place);
  }

  /** One write at a time; what was typed meanwhile is written next. */
  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      for (const place of this.#dirty) {
        this.#dirty.delete(place);
        const text = this.get(place);
        const userId = this.#userId;
        if (!userId) continue;
        await (text ? this.#store.put(userId, place, text) : this.#store.remove(userId, place)).catch(() => {});
      }
    } finally {
      this.#writing = false;
    }
  }
}
