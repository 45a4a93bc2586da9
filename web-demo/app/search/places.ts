/** Where one can go, the likeliest first. Pure. */
import { compareNames } from '../format';

export interface Place {
  id: string;
  title: string;
  unread: boolean;
  /** Something is there for me in particular. */
  count: number;
  /** RFC 3339; empty if nothing was ever written. */
  lastAt: string;
}

/** With nothing typed: what waits for me, then what was used last. */
const byNeed = (a: Place, b: Place): number =>
  Number(b.count > 0) - Number(a.count > 0) || Number(b.unread) - Number(a.unread) || b.lastAt.localeCompare(a.lastAt) || compareNames(a.title, b.title);

const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** 0 = begins so, 1 = a word begins so, 2 = it is in it, 3 = its letters are in it in this order; -1 = no. */
function closeness(title: string, query: string): number {
  if (title.startsWith(query)) return 0;
  if (title.split(/[\s\-_.]+/).some((word) => word.startsWith(query))) return 1;
  if (title.includes(query)) return 2;
  let at = 0;
  for (const letter of title) if (letter === query[at]) at++;
  return at === query.length ? 3 : -1;
}

export function places<P extends Place>(all: readonly P[], typed: string, limit = 8): P[] {
  const query = fold(typed.trim().replace(/^[#@]/, ''));
  const found = all.flatMap((place) => {
    const near = query === '' ? 0 : closeness(fold(place.title), query);
    return near < 0 ? [] : [{ place, near }];
  });
  return found.sort((a, b) => a.near - b.near || byNeed(a.place, b.place)).slice(0, limit).map((one) => one.place);
}
