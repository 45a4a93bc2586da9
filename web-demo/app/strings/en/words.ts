const LOCALE = 'en';
const rules = new Intl.PluralRules(LOCALE);

/** `#` in the chosen form stands for the number. */
export const plural = (n: number, one: string, other: string): string => (rules.select(n) === 'one' ? one : other).replace('#', String(n));
export const list = new Intl.ListFormat(LOCALE, { style: 'long', type: 'conjunction' });
