// Someone else's WebRTC stack: aiortc publishes by WHIP, another one watches by WHEP, a browser sees it too.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Person, progress } from './lib/people.mjs';
import { Server, python } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

let server;
let chromium;
const peers = [];

before(async () => {
  server = await Server.start();
  chromium = await launchChromium();
});

after(async () => {
  await Promise.all(peers.map((peer) => peer.stop()));
  await chromium?.close();
  await server?.stop();
});

function say(peer, key, ms, good = (value) => value !== undefined) {
  return until(`the peer reports ${key}`, ms, () => {
    const found = peer.reports.findLast((report) => key in report && good(report[key]));
    if (!found && peer.child.exitCode !== null) throw new Error(`it ended: ${JSON.stringify(peer.reports)}\n${peer.log.join('\n')}`);
    return found ?? Promise.reject(new Error(JSON.stringify(peer.reports.slice(-5)) + peer.log.slice(-5).join('\n')));
  });
}

test('aiortc publishes by WHIP; aiortc by WHEP and Chromium in the room both decode it', { timeout: 120_000 }, async () => {
  const whip = python('whip.py', ['--url', `${server.url}/whip/general`, '--token', await server.login('bo'), '--seconds', '60']);
  peers.push(whip);
  assert.equal((await say(whip, 'status', 15_000)).status, 201);
  await say(whip, 'connected', 20_000, (value) => value === true);

  const whep = python('whep.py', ['--url', `${server.url}/whep/general`, '--token', await server.login('cy'), '--seconds', '60']);
  peers.push(whep);
  await say(whep, 'connected', 20_000, (value) => value === true);
  const first = await say(whep, 'video', 20_000, (frames) => frames > 0);
  const last = await say(whep, 'video', 20_000, (frames) => frames >= first.video + 60);
  assert.ok(last.audio > 0 && last.energy > 1000, `sound: ${JSON.stringify(last)}`);
  assert.equal(last.width, 640);

  const ana = await Person.signIn(server, chromium, 'ana');
  await ana.join('general', { camera: false });
  await until('the browser decodes what aiortc sends', 20_000, async () => {
    const rows = await ana.received();
    const good = rows.some((r) => r.kind === 'video' && r.framesDecoded > 0) && rows.some((r) => r.kind === 'audio' && r.energy > 0);
    return good || Promise.reject(new Error(JSON.stringify(rows)));
  });
  const samples = await measureFor(5_000, () => ana.received());
  const video = progress(samples[0], samples.at(-1)).find((row) => row.kind === 'video');
  assert.ok(video.fps >= 15 && video.width === 640, JSON.stringify(video));
  assert.deepEqual(ana.errors, []);

  // It is killed, not closed: its consent runs out.
  const publisher = video.userId;
  await whip.stop();
  await until('the publication ends', 45_000, async () => !(await ana.tracks((t) => t.userId === publisher)).length);
});
