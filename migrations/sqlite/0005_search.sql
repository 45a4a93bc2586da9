-- Search. A worker fills the index after the commit of what it indexes (`search_cursor`) or changed (`search_dirty`):
-- inside that commit it would halve the rate of messages. Words arrive cut and folded (`chat::search`), so the
-- tokenizer has only to keep what stands between blanks. `marks` are the channel, the author and `link`. Beginnings of
-- three to five letters are in the index too: longer ones are of few words, whose lists are joined.

CREATE VIRTUAL TABLE messages_fts USING fts5 (words, marks, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '3 4 5');

-- Messages up to `n` are in the index.
CREATE TABLE search_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    n  INTEGER NOT NULL
) STRICT;
INSERT INTO search_cursor (id, n) VALUES (0, 0);

-- Messages whose entry is older than their text, and the revision that made it so.
CREATE TABLE search_dirty (
    n   INTEGER PRIMARY KEY,
    rev INTEGER NOT NULL
) STRICT;

-- What a day (since 1970, UTC) brought, so that a search in the past need not walk through everything since.
CREATE TABLE search_days (
    day     INTEGER PRIMARY KEY,
    first_n INTEGER NOT NULL,
    last_n  INTEGER NOT NULL
) STRICT;
