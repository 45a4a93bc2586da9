// The real binary in a temporary folder on free ports; ended by its process id.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freeTcpPort, freeUdpPorts } from './ports.mjs';
import { until } from './wait.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const BINARY = process.env.TEST_BINARY ?? path.join(ROOT, 'target/debug/convene');
export const INTEROP = path.join(ROOT, 'tests/interop');
export const PYTHON = path.join(ROOT, '.venv/bin/python');
export const OUT = path.join(ROOT, 'tests/browser/out');
export const KEYS = 'test:a-test-secret-of-at-least-32-bytes!';

function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CONVENE_')));
}

/** Starts `convene` and returns its standard output, line by line. */
function run(args, env, name) {
  const child = spawn(BINARY, args, { env: { ...cleanEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = [];
  const lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => (lines.push(line), log.push(line)));
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  child.on('error', (error) => log.push(`${name}: ${error}`));
  return { child, lines, log };
}

async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = await exited;
  return code;
}

export class Server {
  static async start(env = {}) {
    const server = new Server();
    server.folder = await mkdtemp(path.join(tmpdir(), 'convene-test-'));
    server.mediaPort = await freeUdpPorts();
    server.env = {
      CONVENE_SERVER_LISTEN: `127.0.0.1:${await freeTcpPort()}`,
      CONVENE_MEDIA_LISTEN: `127.0.0.1:${server.mediaPort}`,
      // A path given by `CONVENE_MEDIA_ADVERTISE` is UDP: nobody shall get round it.
      CONVENE_MEDIA_TCP_PORT: env.CONVENE_MEDIA_ADVERTISE ? '0' : String(await freeTcpPort()),
      CONVENE_MEDIA_SHARDS: '2',
      CONVENE_STORAGE_DATA_DIR: path.join(server.folder, 'data'),
      CONVENE_AUTH_KEYS: KEYS,
      CONVENE_AUTH_LOGIN_PER_IP: '0',
      CONVENE_AUTH_LOGIN_PER_ACCOUNT: '0',
      CONVENE_CHAT_RATE_SCALE: '0',
      ...env,
    };
    await server.launch();
    return server;
  }

  async launch() {
    this.process = run(['serve', '--dev'], this.env, 'serve');
    const { child, lines, log } = this.process;
    this.url = await until('the server listens', 30_000, () => {
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${log.join('\n')}`);
      return lines.map((line) => /listening on (http:\/\/\S+)/.exec(line)?.[1]).find(Boolean);
    });
  }

  get pid() {
    return this.process.child.pid;
  }

  get log() {
    return this.process.log.join('\n');
  }

  async kill9() {
    await end(this.process.child, 'SIGKILL');
  }

  async stop() {
    const code = await end(this.process.child);
    await rm(this.folder, { recursive: true, force: true });
    return code;
  }

  async login(username) {
    const answer = await fetch(`${this.url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password: 'convene-demo' }),
    });
    const body = await answer.json();
    if (!body.data?.token) throw new Error(`login of ${username}: ${JSON.stringify(body)}`);
    return body.data.token;
  }

  /** A request of REST by one of the demo accounts; its data. */
  async api(username, path, init = {}) {
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      ...init,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await this.login(username)}` },
    });
    if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()).data;
  }

  post(username, path, body) {
    return this.api(username, path, { method: 'POST', body: JSON.stringify(body) });
  }

  /** Sum over the labels of one metric. */
  async metric(name) {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const values = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (values.length === 0) throw new Error(`${name} is not exported`);
    return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }
}

/** `convene impair` in front of a UDP port. Its counters come with `stop`. */
export async function impair(to, { up = '', down = '', seed = 1, listen = '127.0.0.1:0' } = {}) {
  const args = ['impair', '--listen', listen, '--to', to, '--seed', String(seed)];
  if (up) args.push('--up', up);
  if (down) args.push('--down', down);
  const { child, lines, log } = run(args, {}, 'impair');
  const first = await until('the proxy listens', 10_000, () => {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${log.join('\n')}`);
    return lines[0];
  });
  return {
    address: JSON.parse(first).listen,
    /** Every client has another address towards the server from now on. */
    rebind: () => child.kill('SIGUSR1'),
    /** Nothing passes while it is held; what waits in the sockets is late. */
    hold: () => child.kill('SIGSTOP'),
    release: () => child.kill('SIGCONT'),
    stop: async () => {
      await end(child);
      return JSON.parse(lines.at(-1));
    },
  };
}

/** A Python peer; its lines are JSON. */
export function python(script, args) {
  const child = spawn(PYTHON, [path.join(INTEROP, script), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const reports = [];
  const log = [];
  createInterface({ input: child.stdout }).on('line', (line) => reports.push(JSON.parse(line)));
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  return { child, reports, log, stop: () => end(child) };
}
