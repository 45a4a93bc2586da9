/** Times for messages that are sent later, in the reader's own time zone. */

export interface Preset {
  key: 'hour' | 'tomorrow' | 'monday';
  at: Date;
}

const MORNING = 9;

/** In an hour to the minute, tomorrow morning, Monday morning. On Sundays the last two are the same. */
export function presets(now = new Date()): Preset[] {
  const hour = new Date(now.getTime() + 3_600_000);
  hour.setSeconds(0, 0);
  const morning = (days: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, MORNING);
  const tomorrow: Preset = { key: 'tomorrow', at: morning(1) };
  // 0 is Sunday; on a Monday it is the next one.
  const monday: Preset = { key: 'monday', at: morning((8 - now.getDay()) % 7 || 7) };
  return [{ key: 'hour', at: hour }, ...(now.getDay() === 0 ? [monday] : [tomorrow, monday])];
}

const two = (n: number): string => String(n).padStart(2, '0');

/** The value of a `datetime-local` field, to the minute unless there are seconds. */
export function toField(at: Date): string {
  const day = `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const seconds = at.getSeconds() > 0 ? `:${two(at.getSeconds())}` : '';
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}${seconds}`;
}

/** `null` while the field is not filled in. */
export function fromField(value: string): Date | null {
  const at = new Date(value);
  return value === '' || Number.isNaN(at.getTime()) ? null : at;
}

/** What the server takes: two seconds to a year ahead, with a second for the way there. */
const SOONEST_MS = 3_000;
const LATEST_MS = 366 * 86_400_000;

export function problemOf(at: Date | null, now = Date.now()): '' | 'missing' | 'past' | 'far' {
  if (!at) return 'missing';
  if (at.getTime() < now + SOONEST_MS) return 'past';
  return at.getTime() > now + LATEST_MS ? 'far' : '';
}
