/**
 * English with accents, in brackets and at least 40 % longer: a text without brackets is not from the catalogue, one
 * without its closing bracket is cut off. What values bring along (names, times) is changed as well.
 */
import type { Catalogue } from '../strings';
import { en } from './en/index';

const ACCENTS: Record<string, string> = {
  a: 'á', b: 'ƀ', c: 'ç', d: 'ð', e: 'é', f: 'ƒ', g: 'ĝ', h: 'ĥ', i: 'í', j: 'ĵ', k: 'ķ', l: 'ĺ', m: 'ɱ', n: 'ñ', o: 'ó', p: 'þ', r: 'ŕ', s: 'š', t: 'ţ', u: 'ú', w: 'ŵ', y: 'ý', z: 'ž',
  A: 'Á', C: 'Ç', D: 'Ð', E: 'É', G: 'Ĝ', I: 'Í', L: 'Ĺ', M: 'Ṁ', N: 'Ñ', O: 'Ó', P: 'Þ', R: 'Ŕ', S: 'Š', T: 'Ţ', U: 'Ú', W: 'Ŵ', Y: 'Ý',
};
const LONGER = 0.4;
const FILL = ' one two three four five six seven eight nine ten';

export function longer(text: string): string {
  if (text === '') return '';
  const accented = text.replace(/[A-Za-z]/g, (letter) => ACCENTS[letter] ?? letter);
  const more = Math.ceil(text.length * LONGER);
  return `[${accented}${FILL.repeat(Math.ceil(more / FILL.length)).slice(0, more)}]`;
}

function change(value: unknown): unknown {
  if (typeof value === 'string') return longer(value);
  if (typeof value === 'function') return (...values: unknown[]) => longer((value as (...all: unknown[]) => string)(...values));
  return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, change(inner)]));
}

export const words = change(en) as Catalogue;
