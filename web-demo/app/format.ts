/** Dates, durations and names, in the reader's language. */
import { t } from './strings';

/** Of the language that is spoken, with the region of the browser. */
let locale = 'en';
const OPTIONS = {
  time: { timeStyle: 'short' },
  day: { weekday: 'long', day: 'numeric', month: 'long' },
  dayYear: { day: 'numeric', month: 'long', year: 'numeric' },
  shortDay: { day: 'numeric', month: 'short' },
  full: { dateStyle: 'full', timeStyle: 'short' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;
const made = new Map<keyof typeof OPTIONS, Intl.DateTimeFormat>();
let collator = new Intl.Collator(locale, { numeric: true, sensitivity: 'base' });
let graphemes = new Intl.Segmenter(locale, { granularity: 'grapheme' });

/** For what is formatted elsewhere, each time anew. */
export const spoken = (): string => locale;

export function setLocale(tag: string): void {
  locale = tag;
  made.clear();
  collator = new Intl.Collator(tag, { numeric: true, sensitivity: 'base' });
  graphemes = new Intl.Segmenter(tag, { granularity: 'grapheme' });
}

const formatter = (name: keyof typeof OPTIONS): Intl.DateTimeFormat => {
  const known = made.get(name) ?? new Intl.DateTimeFormat(locale, OPTIONS[name]);
  made.set(name, known);
  return known;
};

/** The order of names. */
export const compareNames = (a: string, b: string): number => collator.compare(a, b);

export const number = (n: number, digits = 0): string => n.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const percent = (share: number, digits = 0): string => share.toLocaleString(locale, { style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Things beside each other without "and". */
export const listed = (items: readonly string[]): string => new Intl.ListFormat(locale, { type: 'unit', style: 'short' }).format(items);

const valid = (iso: string | number): Date | null => {
  const d = new Date(iso);
  return Number.isNaN(d.getTime()) ? null : d;
};

export const clock = (at: string | number): string => formatWith('time', at);
export const fullDate = (at: string | number): string => formatWith('full', at);
const formatWith = (name: keyof typeof OPTIONS, at: string | number): string => {
  const d = valid(at);
  return d ? formatter(name).format(d) : '';
};

export const dayKey = (at: string | number): string => {
  const d = valid(at);
  return d ? `${d.getFullYear()}-${d.getMonth()}-${d.getDate()}` : '';
};

export function dayLabel(at: string | number, now = Date.now()): string {
  const d = valid(at);
  if (!d) return '';
  if (dayKey(at) === dayKey(now)) return t.chat.today;
  if (dayKey(at) === dayKey(now - 86_400_000)) return t.chat.yesterday;
  return d.getFullYear() === new Date(now).getFullYear() ? formatter('day').format(d) : formatter('dayYear').format(d);
}

/** For lists: the hour today, the date before. */
export function shortWhen(at: string | number, now = Date.now()): string {
  const d = valid(at);
  if (!d) return '';
  if (dayKey(at) === dayKey(now)) return formatter('time').format(d);
  if (dayKey(at) === dayKey(now - 86_400_000)) return `${t.chat.yesterday} ${formatter('time').format(d)}`;
  return `${formatter('shortDay').format(d)} ${formatter('time').format(d)}`;
}

/** `1:02:03`, `4:05`. */
export function timer(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** `24 min`, `1 h 5 min`, `40 s`. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const unit = (n: number, u: 'second' | 'minute' | 'hour') =>
    new Intl.NumberFormat(locale, { style: 'unit', unit: u, unitDisplay: 'short' }).format(n);
  if (s < 60) return unit(s, 'second');
  const m = Math.round(s / 60);
  if (m < 60) return unit(m, 'minute');
  return m % 60 === 0 ? unit(m / 60, 'hour') : `${unit(Math.floor(m / 60), 'hour')} ${unit(m % 60, 'minute')}`;
}

const first = (word: string): string => {
  for (const { segment } of graphemes.segment(word)) return segment.toLocaleUpperCase(locale);
  return '';
};

/** First grapheme of the first and of the last word. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const [a, b] = [words[0], words.at(-1)];
  if (!a || !b) return '?';
  return words.length > 1 ? first(a) + first(b) : first(a);
}

/** One of eight avatar colours, always the same for the same person. */
export function colourIndex(id: string): number {
  let h = 2166136261;
  for (let i = 0; i < id.length; i++) h = Math.imul(h ^ id.charCodeAt(i), 16777619);
  return (h >>> 0) % 8;
}
