-- Words that are not wanted in messages, and reports that nobody made.

CREATE TABLE filters (
    id         TEXT COLLATE "C" PRIMARY KEY,
    word       TEXT NOT NULL UNIQUE,
    action     TEXT NOT NULL CHECK (action IN ('block', 'mask', 'flag')),
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL
);

ALTER TABLE reports ADD COLUMN kind TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'filter'));
ALTER TABLE reports ALTER COLUMN reporter_id DROP NOT NULL;
ALTER TABLE reports ADD CHECK ((kind = 'user') = (reporter_id IS NOT NULL));
CREATE UNIQUE INDEX reports_by_filter ON reports (message_id) WHERE kind = 'filter' AND state = 'open';
