-- Retention: what is too old or was deleted loses its content. The row stays, so that `seq` has no gaps.

-- 0 = as the server says.
ALTER TABLE channels ADD COLUMN retention_days BIGINT NOT NULL DEFAULT 0 CHECK (retention_days BETWEEN 0 AND 3650);
-- Whatever was created before this is cleared already; NULL = nothing was looked at.
ALTER TABLE channels ADD COLUMN cleared_before BIGINT;
ALTER TABLE messages ADD COLUMN cleared_at BIGINT;
CREATE INDEX messages_to_clear ON messages (deleted_at) WHERE deleted_at IS NOT NULL AND cleared_at IS NULL;
