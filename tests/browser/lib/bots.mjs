// A room full of people who neither speak nor look: `convene load`, and what they do besides by REST, each as itself.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { BINARY, KEYS } from './server.mjs';

const [KEY_ID, KEY_SECRET] = KEYS.split(/:(.*)/);
const base64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token of the bot `n`, as `convene load` makes them. */
function tokenOf(n) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: `load-${n}`, name: `Load ${n}`, iss: 'convene', aud: 'convene', iat: now, exp: now + 3600 };
  const signed = `${base64({ alg: 'HS256', typ: 'JWT', kid: KEY_ID })}.${base64(claims)}`;
  return `${signed}.${createHmac('sha256', KEY_SECRET).update(signed).digest('base64url')}`;
}

export class Bots {
  /** `count` of them walk into the channel's call and stay until `stop`. */
  static start(server, count, channel) {
    const bots = new Bots();
    bots.server = server;
    const args = ['load', '--url', server.url, '--channel', channel, '--idle', String(count), '--ramp', '50ms', '--warmup', '0s', '--duration', '600s', '--join-timeout', '60s', '--key-id', KEY_ID];
    bots.log = [];
    bots.child = spawn(BINARY, args, { env: { ...process.env, LOADTEST_KEY_SECRET: KEY_SECRET }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [bots.child.stdout, bots.child.stderr]) stream.on('data', (text) => bots.log.push(String(text)));
    return bots;
  }

  /** What the bot `n` asks of REST. */
  async ask(n, method, path, body) {
    const response = await fetch(`${this.server.url}/api/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenOf(n)}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text).data : null;
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }
}
