// As many messages as nobody wants to post one by one, past the program while it does not run.
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const SCRIPT = `
import sqlite3, sys
file, channel, author, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
db = sqlite3.connect(file)
(seq,) = db.execute('SELECT last_seq FROM channels WHERE id = ?', (channel,)).fetchone()
db.execute("""
  WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < :count)
  INSERT INTO messages (id, channel_id, seq, rev, author_id, content, created_at)
  SELECT printf('01HQ%022d', i), :channel, :seq + i, :seq + i, :author,
         'line ' || i || CASE WHEN i % 7 = 0 THEN printf(' %.' || (i % 900) || 'c', 'x') || ' and so on, for more than one line of it' ELSE '' END,
         1700000000000 + i * 30000
  FROM k
""", dict(count=count, channel=channel, seq=seq, author=author))
db.execute('UPDATE channels SET last_seq = :n, rev = :n WHERE id = :channel', dict(n=seq + count, channel=channel))
db.execute('UPDATE channel_members SET read_seq = :n WHERE channel_id = :channel', dict(n=seq + count, channel=channel))
# What is looked at here is not searched, and indexing it would take the time of what is measured.
db.execute('UPDATE search_cursor SET n = (SELECT MAX(n) FROM messages)')
db.commit()
db.close()
`;

/** The server is stopped for it, as if by a crash, and started again. */
export async function seed(server, { channelId, authorId, count }) {
  await server.kill9();
  const data = server.env.CONVENE_STORAGE_DATA_DIR;
  const file = (await readdir(data)).find((name) => /\.(db|sqlite3?)$/.test(name));
  await promisify(execFile)(process.env.PYTHON ?? 'python3', ['-c', SCRIPT, path.join(data, file), channelId, authorId, String(count)]);
  await server.launch();
}
