// The connection test tells a free network from blocked ones, and says what is wrong with devices.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { MEDIA_ADDRESS, coturn } from './lib/coturn.mjs';
import { lookAround } from './lib/look.mjs';
import { Person } from './lib/people.mjs';
import { freeUdpPorts } from './lib/ports.mjs';
import { OUT, Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const STEPS = ['signalling', 'microphone', 'camera', 'speaker', 'udp', 'tcp', 'turn', 'upload'];
let relay;
let free;
let blocked;
const servers = [];

before(async () => {
  await mkdir(OUT, { recursive: true });
  relay = await coturn();
  const preferences = { webrtc: { ip_handling_policy: 'disable_non_proxied_udp' } };
  [free, blocked] = await Promise.all([launchChromium(), launchChromium({ args: relay.trust, preferences })]);
});

after(async () => {
  await Promise.all([free?.close(), blocked?.close()]);
  for (const server of servers) await server.stop();
  await relay?.stop();
});

async function serve(env = {}) {
  const server = await Server.start({ CONVENE_MEDIA_LISTEN: `${MEDIA_ADDRESS}:${await freeUdpPorts()}`, ...env });
  servers.push(server);
  return server;
}

const TURN = () => ({ CONVENE_TURN_URLS: `${relay.tcp},${relay.tls}`, CONVENE_TURN_SECRET: relay.secret });

/** Runs the test in the page; what it shows at the end. */
async function run(server, browser, { before, picture, then } = {}) {
  const ana = await Person.signIn(server, browser, 'ana', { before });
  await ana.click('me-menu');
  await ana.click('open-net-test');
  await ana.click('net-test-start');
  const shown = await until('the test is over', 40_000, () =>
    ana.page.evaluate((steps) => {
      const view = document.querySelector('[data-testid="net-test"]');
      if (view?.dataset.phase !== 'done') return null;
      const states = steps.map((step) => [step, document.querySelector(`[data-testid="net-test-${step}"]`).dataset.state]);
      return { verdict: view.dataset.verdict, states: Object.fromEntries(states), text: view.innerText };
    }, STEPS),
  );
  if (picture) await lookAround(ana.page, picture);
  await then?.(ana);
  assert.deepEqual(ana.errors, []);
  await ana.page.browserContext().close();
  return shown;
}

test('in a free network every way works', { timeout: 120_000 }, async () => {
  const server = await serve({ ...TURN(), CONVENE_TURN_URLS: relay.tcp });
  /** The report in the clipboard, and what becomes of it when somebody says that nothing was heard. */
  const then = async (ana) => {
    const report = async () => {
      await ana.click('net-test-copy');
      return until('the report is copied', 3_000, () => ana.page.evaluate(() => window.copied.pop()));
    };
    await ana.page.evaluate(() => {
      window.copied = [];
      Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => void window.copied.push(text) } });
    });
    const before = await report();
    assert.match(before, /^Convene connection test, .*\nverdict: good\nsignalling: ok, rtt \d+ ms\nmicrophone: ok\ncamera: ok\nspeaker: ok\nudp: ok, rtt/);
    assert.match(before, /\nupload: ok, \d+ kbit\/s, loss [\d.]+ %\nbrowser: /);
    await ana.click('heard-no');
    assert.match(await ana.page.$eval('.net-test-verdict', (one) => one.innerText), /You did not hear the notes/);
    assert.match(await report(), /\nspeaker: failed, not heard\n/);
    assert.equal(await ana.has('net-test-heard'), false, 'it is asked once');
  };
  const { verdict, states, text } = await run(server, free, { picture: 'net-test-good', then });
  assert.deepEqual(states, { signalling: 'ok', microphone: 'ok', camera: 'ok', speaker: 'ok', udp: 'ok', tcp: 'ok', turn: 'ok', upload: 'ok' }, text);
  assert.match(text, /Upload[^]*\d Mbit\/s/);
  assert.equal(verdict, 'good', text);
  assert.match(text, /\d+ ms, \d/, 'round trips and losses are shown');
  await until('the test leaves nothing behind', 40_000, async () => (await server.metric('convene_media_sessions')) === 0);
});

test('without UDP it says so, and that calls work over TCP', { timeout: 120_000 }, async () => {
  const { verdict, states, text } = await run(await serve(), blocked);
  assert.deepEqual(states, { signalling: 'ok', microphone: 'ok', camera: 'ok', speaker: 'ok', udp: 'failed', tcp: 'ok', turn: 'skipped', upload: 'ok' }, text);
  assert.equal(verdict, 'tcp', text);
});

test('where only a relay is left it says so', { timeout: 120_000 }, async () => {
  const { verdict, states, text } = await run(await serve({ ...TURN(), CONVENE_MEDIA_TCP_PORT: '0' }), blocked);
  assert.deepEqual(states, { signalling: 'ok', microphone: 'ok', camera: 'ok', speaker: 'ok', udp: 'failed', tcp: 'skipped', turn: 'ok', upload: 'ok' }, text);
  assert.equal(verdict, 'relay', text);
});

test('where nothing passes and a device is refused, both are said', { timeout: 120_000 }, async () => {
  const refuse = (page) =>
    page.evaluateOnNewDocument(() => {
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = (wanted) => (wanted.audio ? Promise.reject(new DOMException('', 'NotAllowedError')) : open(wanted));
    });
  const { verdict, states, text } = await run(await serve({ CONVENE_MEDIA_TCP_PORT: '0' }), blocked, { before: refuse, picture: 'net-test-blocked' });
  assert.equal(states.microphone, 'failed', text);
  assert.equal(states.upload, 'skipped', text);
  assert.equal(verdict, 'blocked', text);
  assert.match(text, /microphone could not be opened/);
});
