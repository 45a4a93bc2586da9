/**
 * In which language the page speaks: as chosen, else the first that the browser asks for and we have, else English.
 * Another language than English is loaded when it is needed, and takes the place of all texts at once.
 */
import { signal } from '@preact/signals';
import { setLocale } from './format';
import { stored } from './prefs';
import { english, useCatalogue, type Catalogue } from './strings';

/** In the menu, each in its own language. */
export const LANGUAGES = [
  { code: 'en', name: 'English' },
  { code: 'de', name: 'Deutsch' },
] as const;

/** Made from English for tests: longer texts with accents, and the same from right to left. */
type Code = (typeof LANGUAGES)[number]['code'] | 'pseudo' | 'pseudo-rtl';
const CODES: readonly Code[] = ['en', 'de', 'pseudo', 'pseudo-rtl'];

const known = (code: string | null): Code | null => CODES.find((one) => one === code) ?? null;

/** Empty: as the browser says. */
export const chosenLanguage = stored<Code | ''>('language', '', ['', ...CODES]);

/** What is spoken now. Views are built anew when it changes. */
export const language = signal<Code>('en');

/** Pure: the first of `wanted` (`de-AT`, `en`) that we have. */
export function pick(chosen: string, wanted: readonly string[]): Code {
  const choice = known(chosen);
  if (choice) return choice;
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0];
    const match = LANGUAGES.find(({ code }) => code === base);
    if (match) return match.code;
  }
  return 'en';
}

/** `de-AT` for German where the browser says so: dates and numbers have regions. */
export const localeOf = (code: Code, wanted: readonly string[]): string => {
  const base = code.startsWith('pseudo') ? 'en' : code;
  return wanted.find((tag) => tag.toLowerCase().split('-')[0] === base) ?? base;
};

const LOAD: Record<Code, () => Promise<Catalogue>> = {
  en: () => Promise.resolve(english),
  de: () => import('./strings/de/index').then((m) => m.words),
  pseudo: () => import('./strings/pseudo').then((m) => m.words),
  'pseudo-rtl': () => import('./strings/pseudo').then((m) => m.words),
};

let asked = 0;

/** Stays with the language that is spoken if the other cannot be loaded, and says whether it could. */
export async function speak(code: Code): Promise<boolean> {
  const turn = ++asked;
  try {
    const words = await LOAD[code]();
    if (turn !== asked) return true;
    useCatalogue(words);
  } catch {
    return false;
  }
  setLocale(localeOf(code, navigator.languages));
  const { documentElement: html } = document;
  // Not a language of the world; what it is made of is English.
  html.lang = code.startsWith('pseudo') ? 'en' : code;
  html.dir = code === 'pseudo-rtl' ? 'rtl' : 'ltr';
  language.value = code;
  return true;
}

/** By the person, for this browser. */
export function chooseLanguage(code: string): Promise<boolean> {
  chosenLanguage.value = known(code) ?? '';
  return speak(pick(chosenLanguage.value, navigator.languages));
}

/** Before anything is shown. `?lang=` in the address is for this visit alone. */
export async function startLanguage(): Promise<void> {
  const once = known(new URLSearchParams(location.search).get('lang'));
  if (!(await speak(once ?? pick(chosenLanguage.value, navigator.languages)))) await speak('en');
}

/** Whether the page runs from right to left: for what is placed by numbers. */
export const isRtl = (): boolean => language.value === 'pseudo-rtl';
