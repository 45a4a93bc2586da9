-- What people say of themselves, with its end, and whether others learn when they were last there.

ALTER TABLE users ADD COLUMN status_pref TEXT CHECK (status_pref IN ('online', 'away', 'dnd', 'invisible'));
ALTER TABLE users ADD COLUMN status_emoji TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN status_until BIGINT;
ALTER TABLE users ADD COLUMN last_seen_to TEXT NOT NULL DEFAULT 'shared' CHECK (last_seen_to IN ('shared', 'nobody'));
