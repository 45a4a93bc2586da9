/** Figures as people read them. */
import { t } from '../strings';

const number = (digits: number) => new Intl.NumberFormat(undefined, { maximumFractionDigits: digits });
const whole = number(0);
const one = number(1);

export const count = (n: number): string => whole.format(n);
export const percent = (share: number): string => new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);

/** `212 Mbit/s`, `640 kbit/s`. */
export function bitrate(bits: number): string {
  const mega = bits / 1_000_000;
  return mega >= 1 ? t.admin.megabits((mega < 10 ? one : whole).format(mega)) : t.admin.kilobits(whole.format(bits / 1_000));
}

/** `96 MB`, `1.2 GB`. */
export function memory(bytes: number): string {
  const mega = bytes / 1_000_000;
  const unit = mega >= 1_000 ? 'gigabyte' : 'megabyte';
  return new Intl.NumberFormat(undefined, { style: 'unit', unit, maximumFractionDigits: mega >= 1_000 ? 1 : 0 }).format(mega >= 1_000 ? mega / 1_000 : mega);
}

const UNITS = { ms: ['millisecond', 1], s: ['second', 1_000], m: ['minute', 60_000], h: ['hour', 3_600_000], d: ['day', 86_400_000] } as const;

/** A length of time as the configuration writes it (`45s`, `30d`), as a person says it; `null` for anything else. */
export function span(text: string): { text: string; ms: number } | null {
  const [, digits, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (!digits || !unit) return null;
  const [name, size] = UNITS[unit as keyof typeof UNITS];
  const n = Number(digits);
  return { text: new Intl.NumberFormat(undefined, { style: 'unit', unit: name, unitDisplay: 'long' }).format(n), ms: n * size };
}
