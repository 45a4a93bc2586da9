/**
 * Every text of the page, in one typed catalogue. Values with numbers are functions; plurals go through Intl.
 * English is here from the start; another language takes its place when it has been loaded (`language.ts`).
 */
import { core } from './strings/en/core';
import type { en } from './strings/en/index';
import type { Words } from './strings/words';

export type Catalogue = Words<typeof en>;

/** Without the texts of parts that bring their own (`withTexts`): nothing else reads those. */
export const english = { ...core } as unknown as Catalogue;

/** Read when something is shown, never kept: it changes with the language. */
export let t: Catalogue = english;

export function useCatalogue(words: Catalogue): void {
  t = words;
}

/** Texts in English of a part of the page that comes later. */
export function withTexts(part: Partial<Catalogue>): void {
  Object.assign(english, part);
}
