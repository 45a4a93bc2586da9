-- Threads: a reply belongs to the timeline of its root, with a `seq` of its own; `rev` stays one per channel.

ALTER TABLE messages DROP CONSTRAINT messages_channel_id_seq_key;
ALTER TABLE messages DROP CONSTRAINT messages_type_check;
ALTER TABLE messages ADD CONSTRAINT messages_type_check CHECK (type IN ('text', 'call', 'system'));
-- The root, for a reply.
ALTER TABLE messages ADD COLUMN thread_id TEXT;
-- '@channel' in the text: a mention of everybody, not written down one by one.
ALTER TABLE messages ADD COLUMN mentions_all BOOLEAN NOT NULL DEFAULT FALSE;
-- Of a root: replies that are not deleted, the last `seq` given out, when.
ALTER TABLE messages ADD COLUMN thread_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN thread_last_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN thread_last_at BIGINT;
CREATE UNIQUE INDEX messages_by_seq ON messages (channel_id, seq) WHERE thread_id IS NULL;
CREATE UNIQUE INDEX messages_by_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_to_all ON messages (channel_id, seq) WHERE mentions_all;

-- The root's, if it is in a thread.
ALTER TABLE mentions ADD COLUMN thread_id TEXT;
ALTER TABLE mentions DROP CONSTRAINT mentions_pkey;
ALTER TABLE mentions ADD PRIMARY KEY (user_id, channel_id, message_id);
CREATE INDEX mentions_of_message ON mentions (message_id);

CREATE TABLE thread_members (
    user_id    TEXT NOT NULL REFERENCES users (id),
    channel_id TEXT NOT NULL REFERENCES channels (id),
    thread_id  TEXT NOT NULL,
    following  BOOLEAN NOT NULL DEFAULT TRUE,
    read_seq   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, channel_id, thread_id)
);
CREATE INDEX thread_members_of_thread ON thread_members (thread_id);
