/** Figures as people read them. */
import { spoken } from '../format';
import { t } from './texts';

const number = (n: number, digits: number): string => new Intl.NumberFormat(spoken(), { maximumFractionDigits: digits }).format(n);

export const count = (n: number): string => number(n, 0);
export const percent = (share: number): string => new Intl.NumberFormat(spoken(), { style: 'percent', maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);

/** `212 Mbit/s`, `640 kbit/s`. */
export function bitrate(bits: number): string {
  const mega = bits / 1_000_000;
  return mega >= 1 ? t.admin.megabits(number(mega, mega < 10 ? 1 : 0)) : t.admin.kilobits(number(bits / 1_000, 0));
}

/** `96 MB`, `1.2 GB`. */
export function memory(bytes: number): string {
  const mega = bytes / 1_000_000;
  const unit = mega >= 1_000 ? 'gigabyte' : 'megabyte';
  return new Intl.NumberFormat(spoken(), { style: 'unit', unit, maximumFractionDigits: mega >= 1_000 ? 1 : 0 }).format(mega >= 1_000 ? mega / 1_000 : mega);
}

const UNITS = { ms: ['millisecond', 1], s: ['second', 1_000], m: ['minute', 60_000], h: ['hour', 3_600_000], d: ['day', 86_400_000] } as const;

/** A length of time as the configuration writes it (`45s`, `30d`), as a person says it; `null` for anything else. */
export function span(text: string): { text: string; ms: number } | null {
  const [, digits, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (!digits || !unit) return null;
  const [name, size] = UNITS[unit as keyof typeof UNITS];
  const n = Number(digits);
  return { text: new Intl.NumberFormat(spoken(), { style: 'unit', unit: name, unitDisplay: 'long' }).format(n), ms: n * size };
}
