/**
 * Every text of the page, in one typed catalogue. Values with numbers are functions; plurals go through Intl.
 * English is here from the start; another language takes its place when it has been loaded (`language.ts`).
 */
import { en } from './strings/en/index';
import type { Words } from './strings/words';

export type Catalogue = Words<typeof en>;

/** Read when something is shown, never kept: it changes with the language. */
export let t: Catalogue = en;

export function useCatalogue(words: Catalogue): void {
  t = words;
}
