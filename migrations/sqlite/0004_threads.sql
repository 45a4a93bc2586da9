-- Threads: a reply belongs to the timeline of its root, with a `seq` of its own; `rev` stays one per channel.
-- `seq` is unique per timeline now, so the tables are built again.

CREATE TABLE messages_new (
    n               INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    channel_id      TEXT NOT NULL REFERENCES channels (id),
    -- The root, for a reply.
    thread_id       TEXT,
    seq             INTEGER NOT NULL,
    rev             INTEGER NOT NULL,
    author_id       TEXT NOT NULL REFERENCES users (id),
    nonce           TEXT,
    nonce_hash      TEXT,
    type            TEXT NOT NULL DEFAULT 'text' CHECK (type IN ('text', 'call', 'system')),
    content         TEXT NOT NULL,
    reply_to        TEXT,
    call_id         TEXT,
    mentions        TEXT NOT NULL DEFAULT '[]',
    -- '@channel' in the text: a mention of everybody, not written down one by one.
    mentions_all    INTEGER NOT NULL DEFAULT 0,
    reactions       TEXT NOT NULL DEFAULT '[]',
    -- Of a root: replies that are not deleted, the last `seq` given out, when.
    thread_count    INTEGER NOT NULL DEFAULT 0,
    thread_last_seq INTEGER NOT NULL DEFAULT 0,
    thread_last_at  INTEGER,
    edit_count      INTEGER NOT NULL DEFAULT 0,
    edited_at       INTEGER,
    deleted_at      INTEGER,
    deleted_by      TEXT,
    pinned_at       INTEGER,
    pinned_by       TEXT,
    created_at      INTEGER NOT NULL
) STRICT;
INSERT INTO messages_new (n, id, channel_id, seq, rev, author_id, nonce, nonce_hash, type, content, reply_to, call_id,
    mentions, reactions, edit_count, edited_at, deleted_at, deleted_by, pinned_at, pinned_by, created_at)
SELECT n, id, channel_id, seq, rev, author_id, nonce, nonce_hash, type, content, reply_to, call_id,
    mentions, reactions, edit_count, edited_at, deleted_at, deleted_by, pinned_at, pinned_by, created_at FROM messages;
DROP TABLE messages;
ALTER TABLE messages_new RENAME TO messages;
CREATE UNIQUE INDEX messages_by_seq ON messages (channel_id, seq) WHERE thread_id IS NULL;
CREATE UNIQUE INDEX messages_by_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_by_rev ON messages (channel_id, rev);
CREATE UNIQUE INDEX messages_by_nonce ON messages (author_id, nonce) WHERE nonce IS NOT NULL;
CREATE INDEX messages_with_nonce ON messages (created_at) WHERE nonce IS NOT NULL;
CREATE INDEX messages_pinned ON messages (channel_id, pinned_at) WHERE pinned_at IS NOT NULL;
CREATE INDEX messages_to_all ON messages (channel_id, seq) WHERE mentions_all;

CREATE TABLE mentions_new (
    user_id    TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    -- The root's, if it is in a thread.
    thread_id  TEXT,
    message_id TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (user_id, channel_id, message_id)
) STRICT, WITHOUT ROWID;
INSERT INTO mentions_new (user_id, channel_id, message_id, seq) SELECT user_id, channel_id, message_id, seq FROM mentions;
DROP TABLE mentions;
ALTER TABLE mentions_new RENAME TO mentions;
CREATE INDEX mentions_of_message ON mentions (message_id);

CREATE TABLE thread_members (
    user_id    TEXT NOT NULL REFERENCES users (id),
    channel_id TEXT NOT NULL REFERENCES channels (id),
    thread_id  TEXT NOT NULL,
    following  INTEGER NOT NULL DEFAULT 1,
    read_seq   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, channel_id, thread_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX thread_members_of_thread ON thread_members (thread_id);
