// Ten minutes of what people do around calls: they come and go, share, mute, look at other views. What is open in between
// must be what was open at the beginning, and the heap must not grow. `SOAK_MINUTES` for another length.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from '../lib/browsers.mjs';
import { goto, Person } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { measureFor, until } from '../lib/wait.mjs';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 10);
const GROWTH_PER_HOUR = 5e6;
/**
 * Code, styles and pools are there after so many rounds: the heap grows ever more slowly, 1.9 MB in the first fifteen
 * and 0.2 MB in the twenty after them, and what grows for good grows on.
 */
const WARM_ROUNDS = 12;

let server;
let browser;
let ana;
let bo;
let cy;

/** Runs in the page, before anything of it: keeps account of what has to be closed again. */
function accounts() {
  const open = { tracks: new Set(), connections: new Set(), sockets: new Set(), contexts: new Set(), observers: new Set() };
  const own = (track) => {
    open.tracks.add(track);
    return track;
  };
  // Those of others end with their connection, which is counted itself.
  for (const name of ['getUserMedia', 'getDisplayMedia']) {
    const { mediaDevices } = navigator;
    if (!mediaDevices) break;
    const original = mediaDevices[name].bind(mediaDevices);
    mediaDevices[name] = async (...rest) => {
      const stream = await original(...rest);
      stream.getTracks().forEach(own);
      return stream;
    };
  }
  const { clone } = MediaStreamTrack.prototype;
  MediaStreamTrack.prototype.clone = function () {
    return own(clone.call(this));
  };
  const counted = (name, kind, end) => {
    window[name] = class extends window[name] {
      constructor(...rest) {
        super(...rest);
        open[kind].add(this);
      }
      [end](...rest) {
        open[kind].delete(this);
        return super[end](...rest);
      }
    };
  };
  counted('RTCPeerConnection', 'connections', 'close');
  counted('AudioContext', 'contexts', 'close');
  // One that observes nothing any more needs no end of its own.
  for (const name of ['ResizeObserver', 'IntersectionObserver', 'MutationObserver']) {
    window[name] = class extends window[name] {
      targets = new Set();
      observe(target, ...rest) {
        this.targets.add(target);
        open.observers.add(this);
        super.observe(target, ...rest);
      }
      unobserve(target) {
        this.targets.delete(target);
        if (this.targets.size === 0) open.observers.delete(this);
        super.unobserve(target);
      }
      disconnect() {
        this.targets.clear();
        open.observers.delete(this);
        super.disconnect();
      }
    };
  }
  window.WebSocket = class extends WebSocket {
    constructor(...rest) {
      super(...rest);
      open.sockets.add(this);
      this.addEventListener('close', () => open.sockets.delete(this));
    }
  };
  window.accounts = () => {
    for (const track of open.tracks) if (track.readyState === 'ended') open.tracks.delete(track);
    return {
      ...Object.fromEntries(Object.entries(open).map(([kind, all]) => [kind, all.size])),
      sounds: document.querySelectorAll('audio').length,
      pictures: document.querySelectorAll('video').length,
    };
  };
}

before(async () => {
  server = await Server.start({});
  browser = await launchChromium({ args: ['--enable-precise-memory-info'] });
  const sign = (name) => Person.signIn(server, browser, name, { prepare: accounts });
  [ana, bo, cy] = [await sign('ana'), await sign('bo'), await sign('cy')];
  for (const one of [ana, bo, cy]) one.wire = await one.page.createCDPSession();
}, { timeout: 60_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function leave(person) {
  await click(person, 'control-leave');
  await state(person, 'it left', () => window.__convene.call.phase === 'idle');
}

const look = (person) => person.page.evaluate(() => window.accounts());
const press = (person, key) => person.page.keyboard.press(key);
/** How long anything takes is measured elsewhere. */
const PATIENCE_MS = 60_000;
const state = (person, what, read, ...rest) => until(`${person.username}: ${what}`, PATIENCE_MS, () => person.page.evaluate(read, ...rest));
const click = (person, testid) =>
  state(person, testid, (name) => {
    const button = document.querySelector(`[data-testid="${name}"]`);
    button?.click();
    return button !== null;
  }, testid);
const show = async (person, route, to = `/${route}`) => {
  await goto(person, to);
  await until(`${to} is shown`, PATIENCE_MS, () => person.page.evaluate((name) => document.querySelector('.shell')?.dataset.route === name && !document.querySelector('main .loading'), route));
};

/** In bytes, without what nobody holds any more. Of several: a cycle may have begun before what was dropped last. */
async function heap(person) {
  let least = Infinity;
  for (let i = 0; i < 3; i++) {
    await person.wire.send('HeapProfiler.collectGarbage');
    const { usedSize } = await person.wire.send('Runtime.getHeapUsage');
    least = Math.min(least, usedSize);
  }
  return least;
}

async function round(n) {
  await bo.join('general', { ms: PATIENCE_MS });
  await ana.join('general', { ms: PATIENCE_MS });
  await cy.join('general', { camera: n % 2 === 0, ms: PATIENCE_MS });
  await until('all see each other', PATIENCE_MS, async () => (await ana.received()).filter((row) => row.source === 'camera' && row.framesDecoded > 5).length >= (n % 2 === 0 ? 2 : 1));
  await ana.page.focus('[data-testid="control-mic"]');
  for (const on of [false, true]) {
    await press(ana, 'm');
    await state(ana, `microphone ${on}`, on ? () => window.__convene.local.micLive : () => !window.__convene.local.micLive);
    await press(ana, 'v');
    await state(ana, `camera ${on}`, on ? () => window.__convene.local.cameraOn : () => !window.__convene.local.cameraOn);
  }
  await click(bo, 'control-screen');
  await state(ana, 'a screen', () => document.querySelector('[data-testid="tile"][data-source="screen"][data-video="true"]') !== null);
  await press(ana, 'l');
  await press(ana, 'l');
  await click(ana, 'control-screen');
  await state(ana, 'it shares', () => window.__convene.local.screenOn);
  for (const [route, to] of [['channel', '/c/general'], ['calls'], ['test'], ['admin', '/admin/log'], ['call']]) await show(ana, route, to);
  await ana.click('control-pip');
  await state(ana, 'the small window', () => window.documentPictureInPicture.window?.document.querySelector('[data-testid="pip-mic"]') != null);
  await leave(cy);
  await show(ana, 'channel', '/c/general');
  const composer = await ana.page.waitForSelector('[data-testid="composer"]');
  await composer.type(`round ${n}`);
  await composer.dispose();
  await press(ana, 'Enter');
  await state(bo, 'nobody of three is left but two', () => window.__convene.call.participants.length === 2);
  await show(ana, 'call');
  await ana.page.evaluate(() => window.documentPictureInPicture.window?.close());
  await click(ana, 'control-screen');
  await state(ana, 'it shares no more', () => !window.__convene.local.screenOn);
  await ana.page.evaluate(() => window.__convene.dropConnection());
  await state(ana, 'the connection is back', () => window.__convene.session.phase === 'ready');
  await leave(bo);
  await leave(ana);
  // Nobody is asked to come back any more, and nothing else of a call is on the page.
  for (const one of [ana, bo, cy]) await show(one, 'channel', '/c/general');
  await until('nothing is under way', PATIENCE_MS, () => ana.page.evaluate(() => document.querySelector('[data-testid="messages"][data-loaded="true"]') !== null && document.querySelectorAll('[data-testid="toasts"] .toast').length === 0));
}

/** The straight line through points at equal distances, and how far they are from it. */
function fit(values) {
  const n = values.length;
  const mean = values.reduce((sum, one) => sum + one, 0) / n;
  const middle = (n - 1) / 2;
  const slope = values.reduce((sum, one, i) => sum + (i - middle) * (one - mean), 0) / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  const off = Math.sqrt(values.reduce((sum, one, i) => sum + (one - mean - slope * (i - middle)) ** 2, 0) / n);
  return { growth: slope * (n - 1), off };
}

test(`${MINUTES} minutes of coming and going leave nothing open, and no heap behind`, { timeout: (MINUTES + 15) * 60_000 }, async () => {
  for (let n = 0; n < WARM_ROUNDS; n++) await round(n);
  const before = await Promise.all([ana, bo, cy].map(look));
  console.log('at rest:', JSON.stringify(before[0]));
  for (const one of before) assert.deepEqual([one.tracks, one.connections, one.sockets, one.sounds, one.pictures], [0, 0, 1, 0, 0]);
  // How much a page that does nothing differs from itself.
  const still = await measureFor(5_000, () => heap(ana), 1_000);
  const noise = Math.max(...still) - Math.min(...still);

  const heaps = [await heap(ana)];
  const began = performance.now();
  let n = WARM_ROUNDS;
  while (performance.now() - began < MINUTES * 60_000) {
    await round(n++);
    const now = await look(ana);
    assert.deepEqual(now, before[0], `after round ${n}`);
    heaps.push(await heap(ana));
  }
  const hours = (performance.now() - began) / 3_600_000;
  const { growth, off } = fit(heaps);
  const allowed = GROWTH_PER_HOUR * hours + noise + 2 * off;
  const mb = (bytes) => (bytes / 1e6).toFixed(2);
  console.log(`${heaps.length - 1} rounds in ${(hours * 60).toFixed(1)} min; heap ${heaps.map(mb).join(' ')} MB`);
  console.log(`heap grew by ${mb(growth)} MB (${mb(growth / hours)} MB/h); at rest it differs by ${mb(noise)} MB, from its line by ${mb(off)} MB; allowed ${mb(allowed)} MB`);
  assert.ok(growth <= allowed, `${mb(growth)} MB`);
  assert.deepEqual(await Promise.all([ana, bo, cy].map(look)), before);
  for (const one of [ana, bo, cy]) assert.deepEqual(one.errors.filter((line) => !/WebSocket|ERR_/.test(line)), [], one.username);
});
