-- Links that let people in who have no account. Of the code in a link only the hash is here.

CREATE TABLE invites (
    id          TEXT PRIMARY KEY,
    channel_id  TEXT NOT NULL REFERENCES channels (id),
    created_by  TEXT NOT NULL REFERENCES users (id),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    max_uses    INTEGER,
    uses        INTEGER NOT NULL DEFAULT 0,
    revoked_at  INTEGER,
    lobby       INTEGER NOT NULL,
    may_publish INTEGER NOT NULL,
    may_chat    INTEGER NOT NULL,
    code_hash   TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_of_channel ON invites (channel_id, expires_at);

-- Accounts that were made by such a link, each for one channel. The session is gone a week after it has ended, the
-- account stays for what it wrote.
CREATE TABLE guests (
    user_id    TEXT PRIMARY KEY REFERENCES users (id),
    invite_id  TEXT NOT NULL REFERENCES invites (id),
    channel_id TEXT NOT NULL REFERENCES channels (id),
    session_id TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'admitted', 'refused')),
    knocked_at INTEGER,
    decided_by TEXT REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    gone_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX guests_of_invite ON guests (invite_id);
CREATE INDEX guests_of_channel ON guests (channel_id, state);
CREATE INDEX guests_here ON guests (expires_at) WHERE gone_at IS NULL;
