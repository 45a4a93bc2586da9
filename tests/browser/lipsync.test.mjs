// Lips and voice: a source that flashes and beeps at once, seen and heard through twenty switches of the layer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { flashingDevices, moved, pairs, watch } from './lib/flashes.mjs';
import { Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

const SWITCHES = 20;
/** Half of it is the furthest apart that a flash and its beep can be told from the next. */
const EVERY_MS = 700;
const SWITCH_MS = 2_800;
/** So far a flash may be off its beep at the source before both are left out. */
const STEADY_MS = 20;
/** On an idle machine the switches take a minute. */
const PATIENCE_MS = 200_000;
/** ITU-R BT.1359 has the threshold of detection at 45 ms of early sound; we want less. */
const LIMIT_MS = 40;
const DISPLAY_STEP_MS = 1000 / 60;

let server;
let browsers = [];

before(async () => {
  server = await Server.start({ CONVENE_MEDIA_SHARDS: '1' });
  browsers = await Promise.all([launchChromium(), launchChromium()]);
});

after(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await server?.stop();
});

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];

/** What the receiver itself thinks: when sound and picture of now were captured, by the sender's clock. */
function estimate(page) {
  return page.evaluate(async () => {
    const rows = [];
    (await window.__convene.pc.getStats()).forEach((row) => row.type === 'inbound-rtp' && rows.push(row));
    const of = (kind) => rows.find((row) => row.kind === kind && row.estimatedPlayoutTimestamp)?.estimatedPlayoutTimestamp;
    return of('video') && of('audio') ? of('video') - of('audio') : null;
  });
}

test('sound and picture stay together through twenty layer switches', { timeout: 320_000 }, async () => {
  const context = await browsers[0].createBrowserContext();
  const page = await context.newPage();
  await flashingDevices(page, { every: EVERY_MS, width: 640, height: 360, fps: 30 });
  await page.setBypassCSP(true);
  const ana = await Person.signIn(server, browsers[0], 'ana', { page });
  await ana.join('general');
  await watch(page, 'near', `async () => {
    const video = document.createElement('video');
    Object.assign(video, { srcObject: window.flashing.picture, muted: true });
    await video.play();
    return { video, audio: window.flashing.sound.getAudioTracks()[0] };
  }`);

  const bo = await Person.signIn(server, browsers[1], 'bo', { bypassCSP: true });
  await bo.join('general', { camera: false });
  const camera = await until('the camera is published', 10_000, async () => (await bo.tracks((t) => t.source === 'camera'))[0]);
  const mic = await until('the microphone is published', 10_000, async () => (await bo.tracks((t) => t.source === 'mic' && t.userId === camera.userId))[0]);
  await bo.setLayer(camera.trackId, 1);
  await until('the upper layer arrives', 30_000, async () => {
    const row = await bo.receivedTrack(camera.trackId);
    return row?.width === 320 || Promise.reject(new Error(JSON.stringify([row, await ana.sending()])));
  });
  await watch(bo.page, 'far', `async () => {
    const { pc, midOf, videoOf } = window.__convene;
    const sound = pc.getTransceivers().find((one) => one.mid === midOf(${JSON.stringify(mic.trackId)}));
    return { video: videoOf(${JSON.stringify(camera.trackId)}), audio: sound.receiver.track };
  }`);

  // A receiver moves its sound and picture together by and by; that takes it seconds, and is not about switches.
  const joined = performance.now();
  await until('the receiver has settled', 30_000, async () => Math.abs(await estimate(bo.page) ?? Infinity) < 30);
  const settled = (performance.now() - joined) / 1000;

  const look = (which, name) => which.page.evaluate((key) => window[key], name);
  const errorsSince = async (since) => {
    const [near, far] = [await look(ana, 'near'), await look(bo, 'far')].map((seen) => pairs(seen, EVERY_MS / 2));
    const usual = quantile(near.map((one) => one.offset), 0.5);
    // A source that was itself late with one of the two is no source.
    return moved(near, far, EVERY_MS).filter((one) => one.at > since && Math.abs(one.source - usual) < STEADY_MS);
  };
  const thinks = [];
  const events = [];
  let switches = 0;
  const end = performance.now() + PATIENCE_MS;
  for (let layer = 0; switches < SWITCHES && performance.now() < end; layer = 1 - layer) {
    await bo.setLayer(camera.trackId, layer);
    await until('the layer arrives', 10_000, async () => (await bo.receivedTrack(camera.trackId))?.width === [160, 320][layer]);
    const switched = Date.now();
    const samples = await measureFor(SWITCH_MS, () => estimate(bo.page));
    const found = await errorsSince(switched);
    // Where the machine could not time anything, the switch does not count.
    if (found.length < 2) continue;
    switches++;
    events.push(...found);
    thinks.push(...samples.filter((one) => one !== null));
  }
  const errors = events.map((one) => one.error);
  const own = events.map((one) => one.source);
  const spread = (values) => ({ p5: quantile(values, 0.05), median: quantile(values, 0.5), p95: quantile(values, 0.95) });
  const worst95 = quantile(errors.map(Math.abs), 0.95);
  const thinks95 = quantile(thinks.map(Math.abs), 0.95);
  const report = { settled, switches, events: events.length, error: spread(errors), worst95, source: spread(own), receiver: { ...spread(thinks), worst95: thinks95 } };
  console.log(JSON.stringify(report, (_, value) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value)));
  assert.equal(switches, SWITCHES, 'the machine was too busy to time more switches');
  // The sound is tapped before the loudspeaker's buffer, the picture is seen at a display step: that far the two clocks
  // of this measurement are apart at best. The receiver's own view below has no such allowance.
  assert.ok(worst95 <= LIMIT_MS + DISPLAY_STEP_MS, `p95 is ${worst95.toFixed(1)} ms`);
  assert.ok(thinks95 <= LIMIT_MS, `the receiver itself thinks ${thinks95.toFixed(1)} ms`);
});
