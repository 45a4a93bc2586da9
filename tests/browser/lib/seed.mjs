// As many messages as nobody wants to post one by one, past the program while it does not run.
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const SCRIPT = `
import json, sqlite3, sys
given = json.load(sys.stdin)
channel, author, count = given['channelId'], given['authorId'], given['count']
db = sqlite3.connect(sys.argv[1])
(seq,) = db.execute('SELECT last_seq FROM channels WHERE id = ?', (channel,)).fetchone()
(before,) = db.execute('SELECT COUNT(*) FROM messages').fetchone()
db.execute("""
  WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < :count)
  INSERT INTO messages (id, channel_id, seq, rev, author_id, content, created_at)
  SELECT printf('01HQ%022d', :before + i), :channel, :seq + i, :seq + i, :author,
         'line ' || i || CASE WHEN i % 7 = 0 THEN printf(' %.' || (i % 900) || 'c', 'x') || ' and so on, for more than one line of it' ELSE '' END,
         1700000000000 + i * 30000
  FROM k
""", dict(count=count, channel=channel, seq=seq, author=author, before=before))
db.execute('UPDATE channels SET last_seq = :n, rev = :n WHERE id = :channel', dict(n=seq + count, channel=channel))
if given['read']:
  db.execute('UPDATE channel_members SET read_seq = :n WHERE channel_id = :channel', dict(n=seq + count, channel=channel))
# What is looked at here is not searched, and indexing it would take the time of what is measured.
db.execute('UPDATE search_cursor SET n = (SELECT MAX(n) FROM messages)')
db.commit()
db.close()
`;

async function write(server, script, input) {
  await server.kill9();
  const data = server.env.CONVENE_STORAGE_DATA_DIR;
  const file = (await readdir(data)).find((name) => /\.(db|sqlite3?)$/.test(name));
  const running = promisify(execFile)(process.env.PYTHON ?? 'python3', ['-c', script, path.join(data, file)]);
  running.child.stdin.end(JSON.stringify(input));
  await running;
  await server.launch();
}

/** The server is stopped for it, as if by a crash, and started again. `read`: whether everybody has read them. */
export const seed = (server, { channelId, authorId, count, read = true }) => write(server, SCRIPT, { channelId, authorId, count, read });

const NAMES = `
import json, sqlite3, sys
given = json.load(sys.stdin)
db = sqlite3.connect(sys.argv[1])
channel, member, texts = given['channelId'], given['memberId'], given['texts']
(seq,) = db.execute('SELECT last_seq FROM channels WHERE id = ?', (channel,)).fetchone()
for i, text in enumerate(texts):
    user, own = '01HX%022d' % i, '01HY%022d' % i
    db.execute('INSERT INTO users (id, username, name, created_at) VALUES (?, ?, ?, 1)', (user, 'user-%d' % i, text))
    db.execute("INSERT INTO channels (id, kind, name, topic, description, created_at) VALUES (?, 'group', ?, ?, ?, 1)", (own, text, text, text))
    db.execute("INSERT INTO channel_members (channel_id, user_id, role, joined_at) VALUES (?, ?, 'owner', 1)", (own, member))
    db.execute('INSERT INTO channel_members (channel_id, user_id, joined_at) VALUES (?, ?, 1)', (channel, user))
    seq += 1
    db.execute('INSERT INTO messages (id, channel_id, seq, rev, author_id, content, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
               ('01HZ%022d' % i, channel, seq, seq, user, text, 1700000000000 + i * 600000))
db.execute('UPDATE channels SET last_seq = ?, rev = ? WHERE id = ?', (seq, seq, channel))
db.commit()
db.close()
`;

/** For each text an account of that name, who is a member and wrote it, and a channel of that name and topic; nothing of it went through the program. */
export const seedNames = (server, { channelId, memberId, texts }) => write(server, NAMES, { channelId, memberId, texts });
