-- Links that let people in who have no account. Of the code in a link only the hash is here.

CREATE TABLE invites (
    id          TEXT COLLATE "C" PRIMARY KEY,
    channel_id  TEXT NOT NULL REFERENCES channels (id),
    created_by  TEXT NOT NULL REFERENCES users (id),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    max_uses    BIGINT,
    uses        BIGINT NOT NULL DEFAULT 0,
    revoked_at  BIGINT,
    lobby       BOOLEAN NOT NULL,
    may_publish BOOLEAN NOT NULL,
    may_chat    BOOLEAN NOT NULL,
    code_hash   TEXT NOT NULL UNIQUE
);
CREATE INDEX invites_of_channel ON invites (channel_id, expires_at);

-- Accounts that were made by such a link, each for one channel. The session is gone a week after it has ended, the
-- account stays for what it wrote.
CREATE TABLE guests (
    user_id    TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
    invite_id  TEXT NOT NULL REFERENCES invites (id),
    channel_id TEXT NOT NULL REFERENCES channels (id),
    session_id TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'admitted', 'refused')),
    knocked_at BIGINT,
    decided_by TEXT REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    gone_at    BIGINT
);
CREATE INDEX guests_of_invite ON guests (invite_id);
CREATE INDEX guests_of_channel ON guests (channel_id, state);
CREATE INDEX guests_here ON guests (expires_at) WHERE gone_at IS NULL;
