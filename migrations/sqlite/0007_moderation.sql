-- Blocks between people, bans from the server, reports of messages, and the log of what moderators did.

CREATE TABLE user_blocks (
    user_id    TEXT NOT NULL REFERENCES users (id),
    blocked_id TEXT NOT NULL REFERENCES users (id),
    at         INTEGER NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_blocks_of_blocked ON user_blocks (blocked_id);

-- `until` NULL = for good. A ban that is over stays until the next one or until it is lifted.
CREATE TABLE bans (
    user_id   TEXT PRIMARY KEY REFERENCES users (id),
    banned_by TEXT NOT NULL REFERENCES users (id),
    reason    TEXT NOT NULL DEFAULT '',
    at        INTEGER NOT NULL,
    until     INTEGER
) STRICT, WITHOUT ROWID;

-- `content` is what was said when it was reported; the message may change or go.
CREATE TABLE reports (
    id              TEXT PRIMARY KEY,
    message_id      TEXT NOT NULL REFERENCES messages (id),
    channel_id      TEXT NOT NULL REFERENCES channels (id),
    author_id       TEXT NOT NULL REFERENCES users (id),
    content         TEXT NOT NULL,
    reporter_id     TEXT NOT NULL REFERENCES users (id),
    reason          TEXT NOT NULL,
    note            TEXT NOT NULL DEFAULT '',
    state           TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'dismissed', 'actioned')),
    resolved_by     TEXT REFERENCES users (id),
    resolved_at     INTEGER,
    resolution_note TEXT NOT NULL DEFAULT '',
    created_at      INTEGER NOT NULL,
    UNIQUE (message_id, reporter_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_by_state ON reports (state, id);

-- Each row carries the hash of the one before it: what is changed or taken out later breaks the chain.
CREATE TABLE audit_log (
    n         INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    action    TEXT NOT NULL,
    target    TEXT NOT NULL,
    ip        TEXT,
    detail    TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
