-- Users, channels, messages and calls. Times are milliseconds since 1970, ids are ULID text, booleans are 0/1.

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    username      TEXT NOT NULL COLLATE NOCASE UNIQUE,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL DEFAULT 'internal' CHECK (kind IN ('internal', 'client', 'bot')),
    role          TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('admin', 'member')),
    external_id   TEXT UNIQUE,
    password_hash TEXT,
    is_active     INTEGER NOT NULL DEFAULT 1,
    custom_status TEXT NOT NULL DEFAULT '',
    token_epoch   INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE channels (
    id              TEXT PRIMARY KEY,
    slug            TEXT UNIQUE,
    kind            TEXT NOT NULL CHECK (kind IN ('dm', 'group', 'general')),
    name            TEXT NOT NULL DEFAULT '',
    description     TEXT NOT NULL DEFAULT '',
    topic           TEXT NOT NULL DEFAULT '',
    dm_key          TEXT UNIQUE,
    is_private      INTEGER NOT NULL DEFAULT 0,
    is_voice        INTEGER NOT NULL DEFAULT 0,
    is_read_only    INTEGER NOT NULL DEFAULT 0,
    created_by      TEXT REFERENCES users (id),
    created_at      INTEGER NOT NULL,
    archived_at     INTEGER,
    last_seq        INTEGER NOT NULL DEFAULT 0,
    rev             INTEGER NOT NULL DEFAULT 0,
    last_message_at INTEGER,
    CHECK ((kind = 'dm') = (dm_key IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE channel_members (
    channel_id TEXT NOT NULL REFERENCES channels (id),
    user_id    TEXT NOT NULL REFERENCES users (id),
    role       TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    read_seq   INTEGER NOT NULL DEFAULT 0,
    read_at    INTEGER,
    joined_at  INTEGER NOT NULL,
    joined_seq INTEGER NOT NULL DEFAULT 0,
    left_at    INTEGER,
    rev        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_members_of_user ON channel_members (user_id, channel_id) WHERE left_at IS NULL;

CREATE TABLE messages (
    n          INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    channel_id TEXT NOT NULL REFERENCES channels (id),
    seq        INTEGER NOT NULL,
    rev        INTEGER NOT NULL,
    author_id  TEXT NOT NULL REFERENCES users (id),
    nonce      TEXT,
    nonce_hash TEXT,
    type       TEXT NOT NULL DEFAULT 'text' CHECK (type IN ('text', 'call')),
    content    TEXT NOT NULL,
    reply_to   TEXT,
    call_id    TEXT,
    mentions   TEXT NOT NULL DEFAULT '[]',
    edit_count INTEGER NOT NULL DEFAULT 0,
    edited_at  INTEGER,
    deleted_at INTEGER,
    deleted_by TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (channel_id, seq)
) STRICT;
CREATE INDEX messages_by_rev ON messages (channel_id, rev);
CREATE UNIQUE INDEX messages_by_nonce ON messages (author_id, nonce) WHERE nonce IS NOT NULL;
CREATE INDEX messages_with_nonce ON messages (created_at) WHERE nonce IS NOT NULL;

CREATE TABLE message_revisions (
    message_id TEXT NOT NULL,
    edit_no    INTEGER NOT NULL,
    content    TEXT NOT NULL,
    edited_by  TEXT NOT NULL,
    edited_at  INTEGER NOT NULL,
    PRIMARY KEY (message_id, edit_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE mentions (
    user_id    TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (user_id, channel_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE node_epochs (
    node_id TEXT PRIMARY KEY,
    epoch   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    id                TEXT PRIMARY KEY,
    channel_id        TEXT NOT NULL REFERENCES channels (id),
    type              TEXT NOT NULL CHECK (type IN ('voice', 'video')),
    mode              TEXT NOT NULL CHECK (mode IN ('ring', 'room')),
    state             TEXT NOT NULL CHECK (state IN
        ('ringing', 'ongoing', 'completed', 'cancelled', 'rejected', 'missed', 'busy', 'failed')),
    initiator_id      TEXT NOT NULL REFERENCES users (id),
    node_id           TEXT NOT NULL,
    node_epoch        INTEGER NOT NULL,
    started_at        INTEGER NOT NULL,
    answered_at       INTEGER,
    ended_at          INTEGER,
    end_reason        TEXT,
    duration_ms       INTEGER,
    peak_participants INTEGER NOT NULL DEFAULT 0,
    message_id        TEXT,
    -- The last moment the owning process is known to have lived; the sweep at boot ends orphans here.
    alive_at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX calls_one_live_per_channel ON calls (channel_id) WHERE state IN ('ringing', 'ongoing');
CREATE INDEX calls_live_of_node ON calls (node_id, node_epoch) WHERE state IN ('ringing', 'ongoing');
CREATE INDEX calls_by_channel ON calls (channel_id, id);

CREATE TABLE call_invites (
    call_id TEXT NOT NULL REFERENCES calls (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    outcome TEXT NOT NULL CHECK (outcome IN ('ringing', 'accepted', 'declined', 'missed', 'busy', 'cancelled')),
    at      INTEGER NOT NULL,
    PRIMARY KEY (call_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_invites_of_user ON call_invites (user_id, outcome, call_id);

CREATE TABLE call_participants (
    call_id        TEXT NOT NULL REFERENCES calls (id),
    user_id        TEXT NOT NULL REFERENCES users (id),
    session_no     INTEGER NOT NULL,
    participant_id TEXT NOT NULL UNIQUE,
    joined_at      INTEGER NOT NULL,
    left_at        INTEGER,
    leave_reason   TEXT,
    was_muted      INTEGER NOT NULL DEFAULT 0,
    had_video      INTEGER NOT NULL DEFAULT 0,
    had_screen     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (call_id, user_id, session_no)
) STRICT, WITHOUT ROWID;
