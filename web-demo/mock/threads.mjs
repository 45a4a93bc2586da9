/** Replies of the stand-in, by their root. */

export function createThreads({ messages, userOf, emit, newId, fail }) {
  const replies = new Map();
  const followed = new Set();
  const rootOf = (threadId) => {
    for (const list of messages.values()) {
      const root = list.find((one) => one.id === threadId);
      if (root) return root;
    }
    throw fail('not_found.message');
  };
  const of = (threadId) => replies.get(threadId) ?? [];
  const key = (userId, threadId) => `${userId} ${threadId}`;
  const view = (userId, root) => ({ root, following: followed.has(key(userId, root.id)), readSeq: root.thread?.lastSeq ?? 0, unread: 0, mentions: 0 });

  const add = (c, root, authorId, content, at = Date.now(), nonce = null) => {
    const createdAt = new Date(at).toISOString();
    const list = of(root.id);
    const m = {
      id: newId() + String(Math.random()).slice(2, 8), channelId: c.id, threadId: root.id, seq: list.length + 1, rev: ++c.rev, authorId, authorName: userOf(authorId).name,
      nonce, type: 'text', content, mentions: [], callId: null, call: null, editedAt: null, deletedAt: null, createdAt,
    };
    replies.set(root.id, [...list, m]);
    Object.assign(root, { rev: c.rev, thread: { id: root.id, count: m.seq, lastSeq: m.seq, lastAt: createdAt } });
    followed.add(key(authorId, root.id)).add(key(root.authorId, root.id));
    return m;
  };

  return {
    of,
    add,
    /** What somebody says in a thread reaches everybody in the channel. */
    say(c, threadId, authorId, content, nonce) {
      const root = rootOf(threadId);
      const m = add(c, root, authorId, content, Date.now(), nonce);
      emit(c.members, 'message:new', { channelId: c.id, message: m, thread: root.thread });
      return m;
    },
    ops: {
      'thread:get': (s, d) => ({ thread: view(s.user.id, rootOf(d.threadId)) }),
      'thread:list': (s, d) => ({
        threads: d.unread ? [] : [...replies.keys()].map(rootOf).filter((root) => followed.has(key(s.user.id, root.id)) && (!d.channelId || root.channelId === d.channelId)).map((root) => view(s.user.id, root)),
        next: null,
      }),
      ...Object.fromEntries(
        [true, false].map((following) => [
          following ? 'thread:follow' : 'thread:unfollow',
          (s, d) => {
            followed[following ? 'add' : 'delete'](key(s.user.id, d.threadId));
            emit([s.user.id], 'thread:followed', { threadId: d.threadId, following });
            return {};
          },
        ]),
      ),
    },
  };
}
