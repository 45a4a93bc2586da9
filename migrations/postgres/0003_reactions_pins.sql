-- Reactions: `reactions` is the truth, `messages.reactions` a summary of it rewritten in the same transaction:
-- [{"emoji", "count", "users": the first five}], in the order in which the emoji first appeared.

CREATE TABLE reactions (
    n          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id TEXT NOT NULL REFERENCES messages (id),
    emoji      TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id),
    at         BIGINT NOT NULL,
    UNIQUE (message_id, emoji, user_id)
);

ALTER TABLE messages ADD COLUMN reactions TEXT NOT NULL DEFAULT '[]';
ALTER TABLE messages ADD COLUMN pinned_at BIGINT;
ALTER TABLE messages ADD COLUMN pinned_by TEXT;
CREATE INDEX messages_pinned ON messages (channel_id, pinned_at) WHERE pinned_at IS NOT NULL;
