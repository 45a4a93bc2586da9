/** Where messages wait that were written but not sent. What was added is there after a reload at any moment. */
import type { IDBPDatabase } from 'idb';
import { Journal } from './journal';
import type { OutboxItem, OutboxStore } from './outbox';

/**
 * A database takes a moment, and a reload in that moment would lose what is on the screen already. So an item is noted
 * in a journal at once, until the database has it; where the database is refused (private windows) it stays there.
 */
export class JournaledOutboxStore implements OutboxStore {
  constructor(
    private readonly database: OutboxStore,
    private readonly journal: Journal,
  ) {}

  async all(userId: string): Promise<OutboxItem[]> {
    const noted = this.#noted().filter((item) => item.userId === userId);
    const nonces = new Set(noted.map((item) => item.nonce));
    const stored = await this.database.all(userId).catch(() => []);
    return [...stored.filter((item) => !nonces.has(item.nonce)), ...noted];
  }

  async put(item: OutboxItem): Promise<void> {
    this.journal.note(item.nonce, JSON.stringify(item));
    await this.database.put(item).then(
      () => this.journal.forget(item.nonce),
      () => undefined,
    );
  }

  async remove(nonce: string): Promise<void> {
    this.journal.forget(nonce);
    await this.database.remove(nonce).catch(() => undefined);
  }

  #noted(): OutboxItem[] {
    return this.journal.all().map(([, text]) => JSON.parse(text) as OutboxItem);
  }
}

/** Of this origin. */
export const browserOutboxStore = (): OutboxStore => new JournaledOutboxStore(databaseStore(), new Journal('convene.outbox.'));

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
