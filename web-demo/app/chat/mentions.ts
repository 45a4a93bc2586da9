/** Whether a text calls many people at once, as the server reads it. Pure. */
import type { Channel } from '../../sdk/index';

/** Calling more people than this asks first. */
export const ASK_OVER = 20;

const JOINS = /[\p{L}\p{N}_\-.@]/u;

/** `@channel` and `@here` outside of code; a keyword stands alone, `me@here.org` is none. */
export function callsMany(content: string): boolean {
  const parts = content.split('`');
  // Even parts are outside of backticks. An odd one out opens nothing.
  const closed = parts.length % 2 === 1;
  return parts.some((part, at) => (at % 2 === 0 || (!closed && at + 1 === parts.length)) && (standsAlone(part, '@channel') || standsAlone(part, '@here')));
}

function standsAlone(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const before = [...text.slice(0, at)].at(-1) ?? '';
    const [first = '', second = ''] = [...text.slice(at + word.length, at + word.length + 4)];
    // The end of a sentence.
    const ends = first === '.' ? !JOINS.test(second) : !JOINS.test(first);
    if (!JOINS.test(before) && ends) return true;
  }
  return false;
}

/** How many would be called; 0 = nobody needs to be asked. */
export function peopleToAsk(content: string, channel: Pick<Channel, 'kind' | 'memberCount'>): number {
  return channel.kind !== 'dm' && channel.memberCount > ASK_OVER && callsMany(content) ? channel.memberCount : 0;
}
