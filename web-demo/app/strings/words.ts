/** What every language needs to form its texts: plurals, lists and numbers by its own rules. */

export interface Forms {
  /** `#` in the chosen form stands for the number. */
  plural: (n: number, one: string, other: string) => string;
  list: Intl.ListFormat;
  number: (n: number) => string;
  /** With exactly so many digits behind the point. */
  decimal: (n: number, digits: number) => string;
}

export function formsOf(locale: string): Forms {
  const rules = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  return {
    plural: (n, one, other) => (rules.select(n) === 'one' ? one : other).replace('#', numbers.format(n)),
    list: new Intl.ListFormat(locale, { style: 'long', type: 'conjunction' }),
    number: (n) => numbers.format(n),
    decimal: (n, digits) => n.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  };
}

/** Texts looked up by a code of the server: every language has to have each of them, and a code may be unknown. */
export const codes = <const T extends Record<string, string>>(all: T): T & Readonly<Record<string, string>> => all;

/** The shape of a catalogue without its words: what another language must fulfil. A missing text is an error of the compiler. */
export type Words<T> = T extends string ? string : T extends (...values: infer V) => string ? (...values: V) => string : { readonly [K in keyof T]: Words<T[K]> };
