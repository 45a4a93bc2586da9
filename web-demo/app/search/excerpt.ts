/** What is shown of a message that was found. Pure. */

export interface Piece {
  text: string;
  found: boolean;
}

/** Characters shown; a line or three. */
const LENGTH = 240;
/** Of them before the first place that was found. */
const BEFORE = 60;

const isLow = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

/** The text around its first found place, cut into what was found and what stands between. */
export function excerpt(content: string, highlights: readonly (readonly [number, number])[]): Piece[] {
  const first = highlights[0]?.[0] ?? 0;
  let start = content.length <= LENGTH || first <= BEFORE ? 0 : first - BEFORE;
  let end = Math.min(content.length, start + LENGTH);
  // A character of two units stays whole.
  if (isLow(content.charCodeAt(start))) start--;
  if (isLow(content.charCodeAt(end))) end++;
  const pieces: Piece[] = [];
  const add = (text: string, found: boolean) => text && pieces.push({ text, found });
  let at = start;
  add(start > 0 ? '…' : '', false);
  for (const [from, length] of highlights) {
    const to = Math.min(from + length, end);
    if (from < at || to <= from) continue;
    add(content.slice(at, from), false);
    add(content.slice(from, to), true);
    at = to;
  }
  add(content.slice(at, end), false);
  add(end < content.length ? '…' : '', false);
  return pieces;
}
