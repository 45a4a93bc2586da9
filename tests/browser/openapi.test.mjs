// The document of the REST API against the server: schemathesis makes up requests from it, and a browser shows it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { PYTHON, Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'negative_data_rejection',
];

let server;
let chromium;

before(async () => {
  server = await Server.start({ CONVENE_AUTH_FAILURES_PER_IP: '0' });
  chromium = await launchChromium();
});

after(async () => {
  await chromium?.close();
  await server?.stop();
});

/** Things that are there, so that not everything is answered with 404. */
async function scene() {
  const { users } = await server.api('ana', 'users');
  const id = (name) => users.find((user) => user.username === name).id;
  const { channel } = await server.post('ana', 'channels', { type: 'group', name: 'fuzzed', participants: [id('bo')] });
  const { message } = await server.post('ana', `channels/${channel.id}/messages`, { content: 'root' });
  await server.post('bo', `channels/${channel.id}/messages`, { content: 'reply', threadId: message.id });
  const { reportId } = await server.post('bo', `messages/${message.id}/report`, { reason: 'spam' });
  const sendAt = new Date(Date.now() + 86_400_000).toISOString();
  const { scheduled } = await server.post('ana', 'schedules', { channelId: channel.id, content: 'later', sendAt });
  const callId = await call(channel.id);
  return {
    ...{ channelId: channel.id, messageId: message.id, threadId: message.id, scheduleId: scheduled.id },
    ...{ reportId, userId: id('bo'), callId, emoji: '👍' },
  };
}

/** A call of ana's, which lives as long as her page. */
async function call(channelId) {
  const page = await chromium.newPage();
  await page.goto(`${server.url}/api/v1/docs`);
  const say = (token, channel) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws`);
      const send = (op, id, d) => socket.send(JSON.stringify({ op, id, d }));
      socket.onopen = () => send('session:hello', 1, { token });
      socket.onclose = () => reject(new Error('the socket was closed'));
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.re === 1) send('voice:join', 2, { channelId: channel });
        if (frame.re === 2) frame.ok ? resolve(frame.d.callId) : reject(new Error(data));
      };
    });
  return page.evaluate(say, await server.login('ana'), channelId);
}

/** Runs it; its exit code and what it said. */
async function schemathesis(settings, args) {
  const config = path.join(server.folder, 'schemathesis.toml');
  await writeFile(config, settings);
  const child = spawn(PYTHON, ['-m', 'schemathesis.cli', '--config-file', config, 'run', ...args], {
    cwd: server.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk));
  const [code] = await once(child, 'exit');
  return { code, said: Buffer.concat(said).toString() };
}

test('schemathesis finds no failure of the server and nothing that the document does not say', { timeout: 180_000 }, async () => {
  const known = await scene();
  const settings = `[parameters]\n${Object.entries(known).map(([name, id]) => `"path.${name}" = "${id}"\n`).join('')}`;
  const { code, said } = await schemathesis(settings, [
    `${server.url}/api/v1/openapi.json`,
    ...['--header', `Authorization: Bearer ${await server.login('ana')}`],
    ...['--checks', CHECKS.join(',')],
    ...['--phases', 'examples,coverage,fuzzing', '--max-examples', '20', '--seed', '1', '--workers', '1'],
    ...['--generation-database', 'none', '--warnings', 'off', '--no-color'],
  ]);
  assert.equal(code, 0, said);
  assert.match(said, /No issues found/);
});

test('the page of the API shows every operation under its policy', { timeout: 60_000 }, async () => {
  const page = await chromium.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (line) => line.type() === 'error' && errors.push(line.text()));
  await page.goto(`${server.url}/api/v1/docs`);
  const api = await (await fetch(`${server.url}/api/v1/openapi.json`)).json();
  const operations = Object.values(api.paths).reduce((sum, item) => sum + Object.keys(item).length, 0);
  await until('every operation is there', 10_000, async () => {
    const shown = await page.$$eval('details', (boxes) => boxes.length);
    return shown === operations || Promise.reject(new Error(`${shown} of ${operations}`));
  });
  await page.$eval('#filter', (field) => {
    field.value = 'Write /messages';
    field.dispatchEvent(new Event('input'));
  });
  const left = await page.$$eval('details:not([hidden]) summary code', (found) => found.map((one) => one.textContent));
  assert.deepEqual(left, ['/api/v1/channels/{channelId}/messages']);
  await page.click('details:not([hidden]) summary');
  await until('its shape is shown', 5_000, async () => {
    const text = await page.$eval('details:not([hidden])', (box) => box.innerText);
    return (text.includes('content: string 1–10000') && text.includes('idempotency-key')) || Promise.reject(new Error(text));
  });
  assert.deepEqual(errors, []);
});
