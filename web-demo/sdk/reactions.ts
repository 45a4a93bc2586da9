/** Reactions of a message, kept right by events. Pure. */
import type { Message, Reaction } from './wire';

/** As many as the server names of those who reacted. */
const NAMED = 5;

export interface Reacted {
  emoji: string;
  userId: string;
  action: string;
  count: number;
  rev: number;
}

/** The message after somebody reacted; unchanged if it knows of something newer. */
export function withReaction(m: Message, change: Reacted, me: string): Message {
  if (change.rev < m.rev) return m;
  const before = m.reactions.find((one) => one.emoji === change.emoji) ?? { emoji: change.emoji, count: 0, users: [], me: false };
  const others = before.users.filter((id) => id !== change.userId);
  const added = change.action === 'add';
  const after: Reaction = {
    ...before,
    count: change.count,
    users: added ? [...others, change.userId].slice(0, NAMED) : others,
    me: change.userId === me ? added : before.me,
  };
  const known = m.reactions.some((one) => one.emoji === change.emoji);
  const reactions = known ? m.reactions.map((one) => (one.emoji === change.emoji ? after : one)) : [...m.reactions, after];
  return { ...m, rev: change.rev, reactions: reactions.filter((one) => one.count > 0) };
}

/** Events say the same to everybody: which reactions are mine follows from who is named and from what was known. */
export function withMine(m: Message, known: Message | undefined, me: string): Message {
  if (m.reactions.length === 0) return m;
  const mine = (one: Reaction) =>
    one.me ||
    one.users.includes(me) ||
    (one.count > one.users.length && (known?.reactions.find((other) => other.emoji === one.emoji)?.me ?? false));
  return { ...m, reactions: m.reactions.map((one) => ({ ...one, me: mine(one) })) };
}
