import { afterEach, describe, expect, it } from 'vitest';
import { LANGUAGES, localeOf, pick } from './language';
import { dayLabel, duration, listed, number, percent, setLocale } from './format';
import { t, useCatalogue } from './strings';
import { words as de } from './strings/de/index';
import { en } from './strings/en/index';
import { longer, words as pseudo } from './strings/pseudo';
import { formsOf } from './strings/words';

/** `call.joinFailed.call.full`: every text, with how many values it takes. */
function texts(of: object, path = ''): Map<string, number> {
  const all = new Map<string, number>();
  for (const [key, value] of Object.entries(of)) {
    const here = path ? `${path} > ${key}` : key;
    if (typeof value === 'object') for (const [inner, values] of texts(value as object, here)) all.set(inner, values);
    else all.set(here, typeof value === 'function' ? value.length : 0);
  }
  return all;
}

const strings = (of: object): string[] => Object.values(of).flatMap((value) => (typeof value === 'string' ? [value] : typeof value === 'object' ? strings(value as object) : []));

afterEach(() => {
  useCatalogue(en);
  setLocale('en');
});

describe('which language is spoken', () => {
  it('the chosen one, else the first that the browser wants and we have, else English', () => {
    expect(pick('', ['de-AT', 'en'])).toBe('de');
    expect(pick('', ['fr-FR', 'DE'])).toBe('de');
    expect(pick('', ['en-GB', 'de'])).toBe('en');
    expect(pick('', ['fr', 'pt-BR'])).toBe('en');
    expect(pick('', [])).toBe('en');
    expect(pick('en', ['de'])).toBe('en');
    expect(pick('de', ['en'])).toBe('de');
    expect(pick('klingon', ['de'])).toBe('de');
  });
  it('nobody gets the pseudo language by the browser', () => expect(pick('', ['pseudo', 'pseudo-rtl'])).toBe('en'));
  it('dates take the region of the browser', () => {
    expect(localeOf('de', ['en-GB', 'de-AT'])).toBe('de-AT');
    expect(localeOf('de', ['en-GB'])).toBe('de');
    expect(localeOf('pseudo-rtl', ['en-GB'])).toBe('en-GB');
  });
  it('each is named in the menu', () => expect(LANGUAGES.map(({ name }) => name)).toEqual(['English', 'Deutsch']));
});

describe('the catalogues', () => {
  it('German has every text of English, codes of the server included, and no other', () => {
    const [english, german] = [texts(en), texts(de)];
    expect(english.size).toBeGreaterThan(500);
    expect([...german.keys()].filter((key) => !english.has(key))).toEqual([]);
    expect([...english.keys()].filter((key) => !german.has(key))).toEqual([]);
    for (const [key, values] of german) expect(values, key).toBeLessThanOrEqual(english.get(key) ?? 0);
  });
  it('no text is empty, and German is not English left as it was', () => {
    expect(strings(de).filter((text) => text.trim() === '')).toEqual([]);
    const english = new Set(strings(en).filter((text) => text.split(' ').length > 3));
    expect(strings(de).filter((text) => english.has(text))).toEqual([]);
  });
  it('quotation marks are those of the language', () => {
    expect(strings(de).filter((text) => text.includes('”') || /“[^”]*$/.test(text.replace(/„[^“]*“/g, '')))).toEqual([]);
  });
  it('numbers choose their form', () => {
    expect(de.call.people(1)).toBe('1 Teilnehmer');
    expect(de.chat.newMessages(1)).toBe('1 neue Nachricht');
    expect(de.chat.newMessages(1200)).toBe('1.200 neue Nachrichten');
    expect(en.chat.newMessages(1)).toBe('1 new message');
    expect(en.chat.newMessages(1200)).toBe('1,200 new messages');
    expect(de.chat.typing(['Ana', 'Bo'])).toBe('Ana und Bo schreiben …');
    expect(de.netTest.numbers(38.4, 0.024)).toBe('38 ms, 2,4 % verloren');
    expect(formsOf('ar').plural(0, 'one', '#')).not.toBe('one');
  });
});

describe('a language takes the place of another', () => {
  it('for texts that are read afterwards', () => {
    useCatalogue(de);
    setLocale('de');
    expect(t.signIn.submit).toBe('Anmelden');
    expect(dayLabel(Date.now())).toBe('Heute');
    expect(dayLabel('2020-05-12T12:00:00')).toBe('12. Mai 2020');
    expect(number(1234.5, 1)).toBe('1.234,5');
    expect(percent(0.021, 1)).toBe('2,1\u00a0%');
    expect(duration(65 * 60_000)).toBe('1 Std. 5 Min.');
    expect(listed(['a', 'b', 'c'])).toBe('a, b und c');
  });
});

describe('the pseudo language', () => {
  it('is longer by 40 % and shows where a text ends', () => {
    for (const text of strings(en)) expect(longer(text).length, text).toBeGreaterThanOrEqual(Math.ceil(text.length * 1.4) + 2);
    expect(longer('')).toBe('');
    expect(pseudo.signIn.submit).toMatch(/^\[Šíĝñ íñ.*\]$/);
    expect(pseudo.call.speaking('Bo')).toMatch(/^\[.*\]$/);
  });
});
