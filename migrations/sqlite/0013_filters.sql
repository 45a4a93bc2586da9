-- Words that are not wanted in messages, and reports that nobody made. SQLite cannot drop a NOT NULL, so `reports` is
-- built again; foreign keys are off while migrations run.

CREATE TABLE filters (
    id         TEXT PRIMARY KEY,
    word       TEXT NOT NULL UNIQUE,
    action     TEXT NOT NULL CHECK (action IN ('block', 'mask', 'flag')),
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reports_new (
    id              TEXT PRIMARY KEY,
    message_id      TEXT NOT NULL REFERENCES messages (id),
    channel_id      TEXT NOT NULL REFERENCES channels (id),
    author_id       TEXT NOT NULL REFERENCES users (id),
    content         TEXT NOT NULL,
    kind            TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'filter')),
    reporter_id     TEXT REFERENCES users (id),
    reason          TEXT NOT NULL,
    note            TEXT NOT NULL DEFAULT '',
    state           TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'dismissed', 'actioned')),
    resolved_by     TEXT REFERENCES users (id),
    resolved_at     INTEGER,
    resolution_note TEXT NOT NULL DEFAULT '',
    created_at      INTEGER NOT NULL,
    UNIQUE (message_id, reporter_id),
    CHECK ((kind = 'user') = (reporter_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO reports_new (id, message_id, channel_id, author_id, content, reporter_id, reason, note, state, resolved_by,
    resolved_at, resolution_note, created_at)
SELECT id, message_id, channel_id, author_id, content, reporter_id, reason, note, state, resolved_by, resolved_at,
    resolution_note, created_at
FROM reports;

DROP TABLE reports;
ALTER TABLE reports_new RENAME TO reports;
CREATE INDEX reports_by_state ON reports (state, id);
CREATE UNIQUE INDEX reports_by_filter ON reports (message_id) WHERE kind = 'filter' AND state = 'open';
