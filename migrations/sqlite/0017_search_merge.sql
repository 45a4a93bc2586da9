-- Segments of the index are merged a few pages with each portion, by whoever writes it, instead of megabytes now and
-- then: all other writes wait meanwhile.
INSERT INTO messages_fts (messages_fts, rank) VALUES ('automerge', 0);
