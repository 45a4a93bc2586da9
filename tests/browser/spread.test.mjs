// Two people of one call on two media threads: what one sends reaches the other through the relay between them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Person, fastestFps, longestFreeze, progress } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

let server;
let browsers = [];
let ana;
let bo;

before(async () => {
  server = await Server.start({ CONVENE_MEDIA_SHARDS: '2', CONVENE_MEDIA_SPREAD_AT: '1' });
  browsers = await Promise.all([launchChromium(), launchChromium()]);
  ana = await Person.signIn(server, browsers[0], 'ana', { steady: true });
  bo = await Person.signIn(server, browsers[1], 'bo');
  await ana.join('general');
  await bo.join('general');
});

after(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await server?.stop();
});

test('both see and hear each other across the relay', { timeout: 90_000 }, async () => {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const sessions = [...metrics.matchAll(/^convene_media_sessions\{shard="\d"\} (\d+)$/gm)].map(([, count]) => Number(count));
  assert.deepEqual(sessions, [1, 1], 'one on each thread');
  for (const person of [ana, bo]) {
    await until(`${person.username} receives microphone and camera`, 20_000, async () => {
      const rows = await person.received();
      const good = rows.some((r) => r.source === 'mic' && r.energy > 0) && rows.some((r) => r.source === 'camera' && r.framesDecoded > 0);
      return good || Promise.reject(new Error(JSON.stringify(rows)));
    });
  }
  const encoded = [];
  const samples = await measureFor(6_000, async () => {
    encoded.push(await Promise.all([bo.encoded(), ana.encoded()]));
    return Promise.all([ana.received(), bo.received()]);
  });
  for (const [index, person] of [ana, bo].entries()) {
    for (const row of progress(samples[0][index], samples.at(-1)[index])) {
      const what = `${person.username} receives ${row.source}: ${JSON.stringify(row)}`;
      if (row.source === 'mic') assert.ok(row.energyGained > 0, `silent: ${what}`);
      if (row.source !== 'camera') continue;
      const freeze = longestFreeze(samples.map((sample) => sample[index]), row.trackId);
      const sent = fastestFps(encoded.slice(1).map((one) => one[index]));
      assert.ok(row.fps >= Math.min(20, sent * 0.8), `too few of ${sent.toFixed(1)} frames/s: ${what}`);
      assert.ok(freeze < 1, `frozen for ${freeze} s: ${what}`);
      console.log(`${person.username}: ${row.fps.toFixed(1)} fps, width ${row.width}, longest freeze ${freeze.toFixed(2)} s`);
    }
  }
});

test('a layer asked for on one thread is sent on the other', { timeout: 60_000 }, async () => {
  const camera = (await bo.tracks((t) => t.source === 'camera'))[0];
  const width = async () => (await bo.receivedTrack(camera.trackId))?.width;
  await bo.setLayer(camera.trackId, 0);
  await until('the lowest layer', 10_000, async () => (await width()) <= 400);
  const low = await width();
  for (const [layer, good] of [[2, (w) => w >= low * 3], [0, (w) => w === low]]) {
    const started = performance.now();
    await bo.setLayer(camera.trackId, layer);
    await until(`layer ${layer}`, layer === 2 ? 12_000 : 2_000, async () => good(await width()) || Promise.reject(new Error(`width ${await width()}`)));
    console.log(`layer ${layer}: width ${await width()} after ${Math.round(performance.now() - started)} ms`);
  }
});

test('everything crossed, nothing broke', async () => {
  assert.ok((await server.metric('convene_relay_received_packets_total')) > 1_000);
  assert.equal(await server.metric('convene_room_panics_total'), 0);
  assert.deepEqual([...ana.errors, ...bo.errors], []);
});
