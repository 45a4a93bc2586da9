-- Channels that are administered: more kinds, slow mode, memberships with wishes and time-outs.
-- SQLite cannot change a CHECK, so `channels` is built again; foreign keys are off while migrations run.

CREATE TABLE channels_new (
    id              TEXT PRIMARY KEY,
    slug            TEXT UNIQUE,
    kind            TEXT NOT NULL CHECK (kind IN ('dm', 'group', 'general', 'department', 'project')),
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
    slow_mode_s     INTEGER NOT NULL DEFAULT 0 CHECK (slow_mode_s BETWEEN 0 AND 21600),
    department_id   TEXT,
    project_id      TEXT,
    is_internal     INTEGER NOT NULL DEFAULT 0,
    -- `rev` of the last change of the settings: messages raise `rev` too, but make no edit of them stale.
    settings_rev    INTEGER NOT NULL DEFAULT 0,
    CHECK ((kind = 'dm') = (dm_key IS NOT NULL)),
    CHECK (kind <> 'department' OR department_id IS NOT NULL),
    CHECK (kind <> 'project' OR project_id IS NOT NULL),
    CHECK (kind <> 'general' OR is_internal = 1)
) STRICT, WITHOUT ROWID;

INSERT INTO channels_new (id, slug, kind, name, description, topic, dm_key, is_private, is_voice, is_read_only,
    created_by, created_at, archived_at, last_seq, rev, last_message_at, is_internal)
SELECT id, slug, kind, name, description, topic, dm_key, is_private, is_voice, is_read_only,
    created_by, created_at, archived_at, last_seq, rev, last_message_at, kind = 'general'
FROM channels;

DROP TABLE channels;
ALTER TABLE channels_new RENAME TO channels;

ALTER TABLE channel_members ADD COLUMN notify TEXT NOT NULL DEFAULT 'all' CHECK (notify IN ('all', 'mentions', 'none'));
ALTER TABLE channel_members ADD COLUMN muted_until INTEGER;
ALTER TABLE channel_members ADD COLUMN timeout_until INTEGER;
-- What slow mode counts from.
ALTER TABLE channel_members ADD COLUMN last_sent_at INTEGER;
