// The connection test tells a free network from blocked ones, and says what is wrong with devices.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { MEDIA_ADDRESS, coturn } from './lib/coturn.mjs';
import { Person } from './lib/people.mjs';
import { OUT, Server, freeUdpPorts } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const STEPS = ['signalling', 'microphone', 'camera', 'udp', 'tcp', 'turn'];
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
async function run(server, browser, { before, picture } = {}) {
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
  if (picture) {
    for (const [name, viewport, scheme] of [['desktop', { width: 1280, height: 800 }, 'light'], ['phone', { width: 390, height: 844 }, 'dark']]) {
      await ana.page.setViewport(viewport);
      await ana.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await ana.page.screenshot({ path: path.join(OUT, `${picture}-${name}.png`) });
      await ana.page.evaluate(AXE);
      const { violations } = await ana.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      assert.deepEqual(violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) => `${one.id}: ${one.nodes[0].html}`), []);
    }
  }
  assert.deepEqual(ana.errors, []);
  await ana.page.browserContext().close();
  return shown;
}

test('in a free network every way works', { timeout: 120_000 }, async () => {
  const server = await serve({ ...TURN(), CONVENE_TURN_URLS: relay.tcp });
  const { verdict, states, text } = await run(server, free, { picture: 'net-test-good' });
  assert.deepEqual(states, { signalling: 'ok', microphone: 'ok', camera: 'ok', udp: 'ok', tcp: 'ok', turn: 'ok' }, text);
  assert.equal(verdict, 'good', text);
  assert.match(text, /\d+ ms, \d/, 'round trips and losses are shown');
  await until('the test leaves nothing behind', 40_000, async () => (await server.metric('convene_media_sessions')) === 0);
});

test('without UDP it says so, and that calls work over TCP', { timeout: 120_000 }, async () => {
  const { verdict, states, text } = await run(await serve(), blocked);
  assert.deepEqual(states, { signalling: 'ok', microphone: 'ok', camera: 'ok', udp: 'failed', tcp: 'ok', turn: 'skipped' }, text);
  assert.equal(verdict, 'tcp', text);
});

test('where only a relay is left it says so', { timeout: 120_000 }, async () => {
  const { verdict, states, text } = await run(await serve({ ...TURN(), CONVENE_MEDIA_TCP_PORT: '0' }), blocked);
  assert.deepEqual(states, { signalling: 'ok', microphone: 'ok', camera: 'ok', udp: 'failed', tcp: 'skipped', turn: 'ok' }, text);
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
  assert.equal(verdict, 'blocked', text);
  assert.match(text, /microphone could not be opened/);
});
