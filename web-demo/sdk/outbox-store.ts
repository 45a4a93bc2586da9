/** Where messages wait that were written but not sent. What was added is there after a reload at any moment. */
import type { IDBPDatabase } from 'idb';
import type { OutboxItem, OutboxStore } from './outbox';

const PREFIX = 'convene.outbox.';

/**
 * A database takes a moment, and a reload in that moment would lose what is on the screen already. So an item is noted
 * in a journal at once, until the database has it; where the database is refused (private windows) it stays there. Each
 * has a key of its own, since tabs share the journal.
 */
export class JournaledOutboxStore implements OutboxStore {
  constructor(
    private readonly database: OutboxStore,
    private readonly journal: Storage | null,
  ) {}

  async all(userId: string): Promise<OutboxItem[]> {
    const noted = this.#noted().filter((item) => item.userId === userId);
    const nonces = new Set(noted.map((item) => item.nonce));
    const stored = await this.database.all(userId).catch(() => []);
    return [...stored.filter((item) => !nonces.has(item.nonce)), ...noted];
  }

  async put(item: OutboxItem): Promise<void> {
    const key = PREFIX + item.nonce;
    try {
      this.journal?.setItem(key, JSON.stringify(item));
    } catch {
      // It is full: the database alone has to do.
    }
    await this.database.put(item).then(
      () => this.journal?.removeItem(key),
      () => undefined,
    );
  }

  async remove(nonce: string): Promise<void> {
    this.journal?.removeItem(PREFIX + nonce);
    await this.database.remove(nonce).catch(() => undefined);
  }

  #noted(): OutboxItem[] {
    const { journal } = this;
    if (!journal) return [];
    const keys = Array.from({ length: journal.length }, (_, i) => journal.key(i) ?? '');
    return keys.filter((key) => key.startsWith(PREFIX)).map((key) => JSON.parse(journal.getItem(key) ?? '') as OutboxItem);
  }
}

/** Of this origin. */
export const browserOutboxStore = (): OutboxStore => new JournaledOutboxStore(databaseStore(), journalOfBrowser());

/** Where that is allowed. */
export function journalOfBrowser(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null; // forbidden by the settings of the browser
  }
}

function databaseStore(): OutboxStore {
  // With its first use: nobody who signs in waits for the code of it. Each use tells if it is refused.
  let opened: Promise<IDBPDatabase> | null = null;
  const open = () =>
    (opened ??= import('idb').then(({ openDB }) =>
      openDB('convene', 1, {
        upgrade(database) {
          database.createObjectStore('outbox', { keyPath: 'nonce' });
        },
      }),
    ));
  return {
    async all(userId) {
      const rows = (await (await open()).getAll('outbox')) as OutboxItem[];
      return rows.filter((row) => row.userId === userId);
    },
    async put(item) {
      await (await open()).put('outbox', item);
    },
    async remove(nonce) {
      await (await open()).delete('outbox', nonce);
    },
  };
}
