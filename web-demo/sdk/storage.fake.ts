/** For tests: a storage of the browser, with something in it that others have put there. */
export class FakeStorage implements Storage {
  readonly #rows = new Map<string, string>([['theme', 'dark']]);
  [name: string]: unknown;
  get length() {
    return this.#rows.size;
  }
  key = (i: number) => [...this.#rows.keys()][i] ?? null;
  getItem = (key: string) => this.#rows.get(key) ?? null;
  setItem = (key: string, value: string) => void this.#rows.set(key, value);
  removeItem = (key: string) => void this.#rows.delete(key);
  clear = () => this.#rows.clear();
}
