/** In which order live calls are listed. */
import type { RunningCall } from '../../sdk/index';
import { compareNames } from '../format';

export const COLUMNS = ['worst', 'name', 'people', 'since'] as const;
export type Column = (typeof COLUMNS)[number];
export interface Sort {
  by: Column;
  /** The other way round. */
  reversed: boolean;
}

/** Nothing was measured yet: after everybody of whom something was. */
const UNMEASURED = 101;

const COMPARE: Record<Column, (a: RunningCall, b: RunningCall) => number> = {
  worst: (a, b) => (a.worst?.score ?? UNMEASURED) - (b.worst?.score ?? UNMEASURED),
  // Those that have no name are last.
  name: (a, b) => Number(a.channelName === '') - Number(b.channelName === '') || compareNames(a.channelName, b.channelName),
  people: (a, b) => b.people - a.people,
  since: (a, b) => a.startedAt.localeCompare(b.startedAt),
};

export function sorted(calls: readonly RunningCall[], sort: Sort): RunningCall[] {
  const way = sort.reversed ? -1 : 1;
  return [...calls].sort((a, b) => way * COMPARE[sort.by](a, b) || a.callId.localeCompare(b.callId));
}

/** While somebody points at the list or is in it with the keyboard, rows keep their places; new ones come last. */
export function held(calls: readonly RunningCall[], before: readonly string[]): RunningCall[] {
  const place = new Map(before.map((id, i) => [id, i]));
  return [...calls].sort((a, b) => (place.get(a.callId) ?? before.length) - (place.get(b.callId) ?? before.length));
}

/** A press on the heading of a column. */
export const pressed = (sort: Sort, by: Column): Sort => (sort.by === by ? { by, reversed: !sort.reversed } : { by, reversed: false });
