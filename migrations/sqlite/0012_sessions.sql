-- Where people are signed in. A refresh token is used once: each use leaves the hash of the next one, and keeps that of
-- the last one for clients that lost the answer.

CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES users (id),
    device        TEXT NOT NULL CHECK (device IN ('desktop', 'mobile', 'tablet')),
    client        TEXT NOT NULL DEFAULT '',
    ip            TEXT,
    refresh_hash  TEXT NOT NULL,
    previous_hash TEXT,
    rotated_at    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    revoked_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user_id, revoked_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
