-- Messages that wait for their time, and when a thread was read. What was sent or cancelled loses its text at once and its row after a day: until
-- then a retry of the command that made it gets the first answer again.

CREATE TABLE scheduled_messages (
    id         TEXT PRIMARY KEY,
    author_id  TEXT NOT NULL REFERENCES users (id),
    channel_id TEXT NOT NULL REFERENCES channels (id),
    thread_id  TEXT,
    reply_to   TEXT,
    content    TEXT NOT NULL,
    mentions   TEXT NOT NULL DEFAULT '[]',
    nonce      TEXT,
    nonce_hash TEXT,
    -- What the author asked for, and when to try (later, where slow mode says so).
    send_at    INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    state      TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed', 'cancelled')),
    error      TEXT,
    message_id TEXT,
    rev        INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scheduled_due ON scheduled_messages (due_at, id) WHERE state = 'pending';
CREATE INDEX scheduled_of_author ON scheduled_messages (author_id, send_at, id) WHERE state IN ('pending', 'failed');
CREATE INDEX scheduled_over ON scheduled_messages (state, updated_at) WHERE state <> 'pending';
CREATE UNIQUE INDEX scheduled_by_nonce ON scheduled_messages (author_id, nonce) WHERE nonce IS NOT NULL;

-- When `read_seq` moved last; unknown of what was read before.
ALTER TABLE thread_members ADD COLUMN read_at INTEGER;
