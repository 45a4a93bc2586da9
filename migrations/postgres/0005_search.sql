-- Search. A worker fills the index after the commit of what it indexes (`search_cursor`) or changed (`search_dirty`).
-- Words arrive cut and folded (`chat::search`), so both databases find the same; `c:…`, `u:…` and `:link` among them
-- are the channel, the author and the presence of a link. A table of its own: as a generated column of `messages`,
-- every reaction and pin would write all words of its message into the GIN index again.

CREATE TABLE messages_fts (
    n     BIGINT PRIMARY KEY,
    words TSVECTOR NOT NULL
);
CREATE INDEX messages_fts_words ON messages_fts USING GIN (words);

-- Messages up to `n` are in the index.
CREATE TABLE search_cursor (
    id BIGINT PRIMARY KEY CHECK (id = 0),
    n  BIGINT NOT NULL
);
INSERT INTO search_cursor (id, n) VALUES (0, 0);

-- Messages whose entry is older than their text, and the revision that made it so.
CREATE TABLE search_dirty (
    n   BIGINT PRIMARY KEY,
    rev BIGINT NOT NULL
);

-- What a day (since 1970, UTC) brought, so that a search in the past need not walk through everything since.
CREATE TABLE search_days (
    day     BIGINT PRIMARY KEY,
    first_n BIGINT NOT NULL,
    last_n  BIGINT NOT NULL
);
