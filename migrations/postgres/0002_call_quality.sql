-- How good each stay in a call was, averaged over its samples, and the call as a whole when it ended.
ALTER TABLE call_participants ADD COLUMN quality_samples BIGINT NOT NULL DEFAULT 0;
ALTER TABLE call_participants ADD COLUMN mos_x100 BIGINT;
ALTER TABLE call_participants ADD COLUMN loss_ppm BIGINT;
ALTER TABLE call_participants ADD COLUMN jitter_us BIGINT;
ALTER TABLE call_participants ADD COLUMN rtt_us BIGINT;
-- JSON array of codes.
ALTER TABLE call_participants ADD COLUMN network_issues TEXT NOT NULL DEFAULT '[]';
-- 0 to 100.
ALTER TABLE calls ADD COLUMN avg_quality BIGINT;
ALTER TABLE calls ADD COLUMN network_issues TEXT NOT NULL DEFAULT '[]';
