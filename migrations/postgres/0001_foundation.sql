-- Users, channels, messages and calls. Times are milliseconds since 1970, ids are ULID text. The same columns as on SQLite.

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    username      TEXT COLLATE "C" NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL DEFAULT 'internal' CHECK (kind IN ('internal', 'client', 'bot')),
    role          TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('admin', 'member')),
    external_id   TEXT UNIQUE,
    password_hash TEXT,
    is_active     BOOLEAN NOT NULL DEFAULT TRUE,
    custom_status TEXT NOT NULL DEFAULT '',
    token_epoch   BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    last_seen_at  BIGINT
);

CREATE TABLE channels (
    id              TEXT PRIMARY KEY,
    slug            TEXT UNIQUE,
    kind            TEXT NOT NULL CHECK (kind IN ('dm', 'group', 'general')),
    name            TEXT NOT NULL DEFAULT '',
    description     TEXT NOT NULL DEFAULT '',
    topic           TEXT NOT NULL DEFAULT '',
    dm_key          TEXT UNIQUE,
    is_private      BOOLEAN NOT NULL DEFAULT FALSE,
    is_voice        BOOLEAN NOT NULL DEFAULT FALSE,
    is_read_only    BOOLEAN NOT NULL DEFAULT FALSE,
    created_by      TEXT REFERENCES users (id),
    created_at      BIGINT NOT NULL,
    archived_at     BIGINT,
    last_seq        BIGINT NOT NULL DEFAULT 0,
    rev             BIGINT NOT NULL DEFAULT 0,
    last_message_at BIGINT,
    CHECK ((kind = 'dm') = (dm_key IS NOT NULL))
);

CREATE TABLE channel_members (
    channel_id TEXT NOT NULL REFERENCES channels (id),
    user_id    TEXT NOT NULL REFERENCES users (id),
    role       TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    read_seq   BIGINT NOT NULL DEFAULT 0,
    read_at    BIGINT,
    joined_at  BIGINT NOT NULL,
    joined_seq BIGINT NOT NULL DEFAULT 0,
    left_at    BIGINT,
    rev        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, user_id)
);
CREATE INDEX channel_members_of_user ON channel_members (user_id, channel_id) WHERE left_at IS NULL;

CREATE TABLE messages (
    n          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    channel_id TEXT NOT NULL REFERENCES channels (id),
    seq        BIGINT NOT NULL,
    rev        BIGINT NOT NULL,
    author_id  TEXT NOT NULL REFERENCES users (id),
    nonce      TEXT,
    nonce_hash TEXT,
    type       TEXT NOT NULL DEFAULT 'text' CHECK (type IN ('text', 'call')),
    content    TEXT NOT NULL,
    reply_to   TEXT,
    call_id    TEXT,
    mentions   TEXT NOT NULL DEFAULT '[]',
    edit_count BIGINT NOT NULL DEFAULT 0,
    edited_at  BIGINT,
    deleted_at BIGINT,
    deleted_by TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (channel_id, seq)
);
CREATE INDEX messages_by_rev ON messages (channel_id, rev);
CREATE UNIQUE INDEX messages_by_nonce ON messages (author_id, nonce) WHERE nonce IS NOT NULL;
CREATE INDEX messages_with_nonce ON messages (created_at) WHERE nonce IS NOT NULL;

CREATE TABLE message_revisions (
    message_id TEXT NOT NULL,
    edit_no    BIGINT NOT NULL,
    content    TEXT NOT NULL,
    edited_by  TEXT NOT NULL,
    edited_at  BIGINT NOT NULL,
    PRIMARY KEY (message_id, edit_no)
);

CREATE TABLE mentions (
    user_id    TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    PRIMARY KEY (user_id, channel_id, seq)
);

CREATE TABLE node_epochs (
    node_id TEXT PRIMARY KEY,
    epoch   BIGINT NOT NULL
);

CREATE TABLE calls (
    id                TEXT PRIMARY KEY,
    channel_id        TEXT NOT NULL REFERENCES channels (id),
    type              TEXT NOT NULL CHECK (type IN ('voice', 'video')),
    mode              TEXT NOT NULL CHECK (mode IN ('ring', 'room')),
    state             TEXT NOT NULL CHECK (state IN
        ('ringing', 'ongoing', 'completed', 'cancelled', 'rejected', 'missed', 'busy', 'failed')),
    initiator_id      TEXT NOT NULL REFERENCES users (id),
    node_id           TEXT NOT NULL,
    node_epoch        BIGINT NOT NULL,
    started_at        BIGINT NOT NULL,
    answered_at       BIGINT,
    ended_at          BIGINT,
    end_reason        TEXT,
    duration_ms       BIGINT,
    peak_participants BIGINT NOT NULL DEFAULT 0,
    message_id        TEXT,
    -- The last moment the owning process is known to have lived; the sweep at boot ends orphans here.
    alive_at          BIGINT NOT NULL
);
CREATE UNIQUE INDEX calls_one_live_per_channel ON calls (channel_id) WHERE state IN ('ringing', 'ongoing');
CREATE INDEX calls_live_of_node ON calls (node_id, node_epoch) WHERE state IN ('ringing', 'ongoing');
CREATE INDEX calls_by_channel ON calls (channel_id, id);

CREATE TABLE call_invites (
    call_id TEXT NOT NULL REFERENCES calls (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    outcome TEXT NOT NULL CHECK (outcome IN ('ringing', 'accepted', 'declined', 'missed', 'busy', 'cancelled')),
    at      BIGINT NOT NULL,
    PRIMARY KEY (call_id, user_id)
);
CREATE INDEX call_invites_of_user ON call_invites (user_id, outcome, call_id);

CREATE TABLE call_participants (
    call_id        TEXT NOT NULL REFERENCES calls (id),
    user_id        TEXT NOT NULL REFERENCES users (id),
    session_no     BIGINT NOT NULL,
    participant_id TEXT NOT NULL UNIQUE,
    joined_at      BIGINT NOT NULL,
    left_at        BIGINT,
    leave_reason   TEXT,
    was_muted      BOOLEAN NOT NULL DEFAULT FALSE,
    had_video      BOOLEAN NOT NULL DEFAULT FALSE,
    had_screen     BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (call_id, user_id, session_no)
);
