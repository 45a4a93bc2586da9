/** What chat is asked and answers, beside channels and messages. */
import type { Channel, Reader, SearchHit, User } from './wire';

/** All that is given has to hold. */
export interface SearchQuery {
  /** Words, `"phrases"`, `from:`, `in:`, `has:link`, `before:`, `after:`. */
  q: string;
  channelId?: string;
  senderId?: string;
  /** RFC 3339 or a date. */
  from?: string;
  to?: string;
  /** The `next` of the page before. */
  cursor?: string;
  limit?: number;
}

/** Newest first. */
export interface SearchPage {
  hits: SearchHit[];
  next: string | null;
}

/** Who has read a message. In large and general channels only how many: `readers` is empty there. */
export interface Receipts {
  readers: Reader[];
  count: number;
}

export interface Suggestions {
  channels: Channel[];
  users: User[];
}

/** Of a Member, what is mine to know of myself. */
export interface Membership {
  userId: string;
  role?: string;
  timeoutUntil?: string | null;
}
export const withMine = (c: Channel, member: Membership): Channel => ({ ...c, role: member.role ?? c.role, timeoutUntil: member.timeoutUntil ?? '' });
