/**
 * Notes of the moment: what a database will have a moment later, and a reload before that must not lose. Each has a key
 * of its own, since tabs share them.
 */
export class Journal {
  constructor(
    private readonly prefix: string,
    private readonly storage: Storage | null = storageOfBrowser(),
  ) {}

  note(key: string, text: string): void {
    try {
      this.storage?.setItem(this.prefix + key, text);
    } catch {
      // It is full: the database alone has to do.
    }
  }

  get(key: string): string | null {
    return this.storage?.getItem(this.prefix + key) ?? null;
  }

  forget(key: string): void {
    this.storage?.removeItem(this.prefix + key);
  }

  /** All whose keys begin with this, without it. */
  all(start = ''): [key: string, text: string][] {
    const { storage } = this;
    if (!storage) return [];
    const mine = this.prefix + start;
    const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? '').filter((key) => key.startsWith(mine));
    return keys.map((key) => [key.slice(mine.length), storage.getItem(key) ?? '']);
  }
}

function storageOfBrowser(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null; // forbidden by the settings of the browser
  }
}
