-- Channels that are administered: more kinds, slow mode, memberships with wishes and time-outs.

ALTER TABLE channels DROP CONSTRAINT channels_kind_check;
ALTER TABLE channels ADD CONSTRAINT channels_kind_check
    CHECK (kind IN ('dm', 'group', 'general', 'department', 'project'));
ALTER TABLE channels ADD COLUMN slow_mode_s BIGINT NOT NULL DEFAULT 0 CHECK (slow_mode_s BETWEEN 0 AND 21600);
ALTER TABLE channels ADD COLUMN department_id TEXT;
ALTER TABLE channels ADD COLUMN project_id TEXT;
ALTER TABLE channels ADD COLUMN is_internal BOOLEAN NOT NULL DEFAULT FALSE;
-- `rev` of the last change of the settings: messages raise `rev` too, but make no edit of them stale.
ALTER TABLE channels ADD COLUMN settings_rev BIGINT NOT NULL DEFAULT 0;
UPDATE channels SET is_internal = TRUE WHERE kind = 'general';
ALTER TABLE channels ADD CHECK (kind <> 'department' OR department_id IS NOT NULL);
ALTER TABLE channels ADD CHECK (kind <> 'project' OR project_id IS NOT NULL);
ALTER TABLE channels ADD CHECK (kind <> 'general' OR is_internal);

ALTER TABLE channel_members ADD COLUMN notify TEXT NOT NULL DEFAULT 'all' CHECK (notify IN ('all', 'mentions', 'none'));
ALTER TABLE channel_members ADD COLUMN muted_until BIGINT;
ALTER TABLE channel_members ADD COLUMN timeout_until BIGINT;
-- What slow mode counts from.
ALTER TABLE channel_members ADD COLUMN last_sent_at BIGINT;
