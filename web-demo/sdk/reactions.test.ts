import { describe, expect, it } from 'vitest';
import { withMine, withReaction } from './reactions';
import type { Message } from './wire';

const message = (reactions: Message['reactions'] = [], rev = 1): Message => ({
  id: 'm', channelId: 'c', threadId: '', thread: null, seq: 1, rev, type: 'text', authorId: 'a', authorName: 'A', nonce: '', content: '', createdAt: '', editedAt: '', callId: '', call: null, system: null, deleted: false, reactions, pinnedAt: '', pinnedBy: '',
});
const one = (emoji: string, users: string[], count = users.length, me = false) => ({ emoji, users, count, me });

describe('reactions', () => {
  it('come, go and keep their order', () => {
    let m = message();
    m = withReaction(m, { emoji: 'a', userId: 'bo', action: 'add', count: 1, rev: 2 }, 'ana');
    m = withReaction(m, { emoji: 'b', userId: 'ana', action: 'add', count: 1, rev: 3 }, 'ana');
    m = withReaction(m, { emoji: 'a', userId: 'ana', action: 'add', count: 2, rev: 4 }, 'ana');
    expect(m.reactions).toEqual([one('a', ['bo', 'ana'], 2, true), one('b', ['ana'], 1, true)]);
    m = withReaction(m, { emoji: 'a', userId: 'bo', action: 'remove', count: 1, rev: 5 }, 'ana');
    expect(m.reactions[0]).toEqual(one('a', ['ana'], 1, true));
    m = withReaction(m, { emoji: 'b', userId: 'ana', action: 'remove', count: 0, rev: 6 }, 'ana');
    expect([m.reactions.length, m.rev]).toEqual([1, 6]);
  });

  it('are not changed by what is older than the message', () => {
    const m = message([one('a', ['bo'])], 9);
    expect(withReaction(m, { emoji: 'a', userId: 'bo', action: 'remove', count: 0, rev: 8 }, 'ana')).toBe(m);
  });

  it('are known as mine beyond those who are named', () => {
    const crowd = ['b', 'c', 'd', 'e', 'f'];
    const known = message([one('a', crowd, 6, true)]);
    const mine = (m: Message, before?: Message) => withMine(m, before, 'ana').reactions[0]?.me;
    expect(mine(message([one('a', crowd, 7)]), known)).toBe(true);
    expect(mine(message([one('a', crowd, 7)]))).toBe(false);
    expect(mine(message([one('a', ['b'], 1)]), known)).toBe(false);
    expect(mine(message([one('a', ['ana'], 1)]))).toBe(true);
  });
});
