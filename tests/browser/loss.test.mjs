// One datagram in twenty is lost on the publisher's uplink: retransmission by repaired-rid fills the holes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Person } from './lib/people.mjs';
import { freeUdpPorts } from './lib/ports.mjs';
import { Server, impair } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

const SECONDS = 12;
let browsers = [];

before(async () => {
  browsers = await Promise.all([launchChromium(), launchChromium()]);
});

after(() => Promise.all(browsers.map((browser) => browser.close())));

/** Frames the top layer's subscriber decodes in the window, and what the server had to repair. */
async function run(up) {
  // Both browsers reach the server through the proxy; only what they send suffers.
  const port = await freeUdpPorts();
  const server = await Server.start({ CONVENE_MEDIA_SHARDS: '1', CONVENE_MEDIA_ADVERTISE: `127.0.0.1:${port}` });
  const proxy = await impair(`127.0.0.1:${server.mediaPort}`, { up, listen: `127.0.0.1:${port}`, seed: 7 });
  try {
    const ana = await Person.signIn(server, browsers[0], 'ana', { steady: true });
    const bo = await Person.signIn(server, browsers[1], 'bo');
    await ana.join('general');
    await bo.join('general', { camera: false });
    const camera = await until('the camera is published', 10_000, async () => (await bo.tracks((t) => t.source === 'camera'))[0]);
    await bo.setLayer(camera.trackId, 2);
    const row = () => bo.receivedTrack(camera.trackId);
    await until('the top layer arrives', 20_000, async () => (await row())?.width >= 960 || Promise.reject(new Error(JSON.stringify(await row()))));
    const samples = await measureFor(SECONDS * 1000, row);
    const frames = samples.at(-1).framesDecoded - samples[0].framesDecoded;
    const widths = new Set(samples.map((sample) => sample.width));
    const result = {
      frames,
      fps: frames / ((samples.at(-1).at - samples[0].at) / 1000),
      widths: [...widths],
      frozen: samples.at(-1).frozenSeconds - samples[0].frozenSeconds,
      nacks: await server.metric('convene_nacks_sent_total'),
      rtx: await server.metric('convene_rtx_received_packets_total'),
    };
    await ana.page.browserContext().close();
    await bo.page.browserContext().close();
    result.proxy = await proxy.stop();
    return result;
  } finally {
    await proxy.stop().catch(() => {});
    await server.stop();
  }
}

test('a lossy uplink costs less than a tenth of the frames', { timeout: 180_000 }, async () => {
  const clean = await run('');
  console.log('lossless:', JSON.stringify(clean));
  const lossy = await run('loss=0.05');
  console.log('5 % loss:', JSON.stringify(lossy));
  assert.ok(clean.fps >= 15, 'the lossless run is too slow to compare with');
  assert.ok(lossy.rtx > 20, `hardly anything was retransmitted: ${lossy.rtx}`);
  assert.ok(lossy.fps >= 0.9 * clean.fps, `${lossy.fps.toFixed(1)} of ${clean.fps.toFixed(1)} frames/s`);
});
