// What happens beside a call costs it nothing: other views, views that fail, hidden tabs; and the small window.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { textOf } from './lib/lab.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

/** More than in a quiet run by this is a gap. */
const GAP_MS = 200;
const ROUNDS = 2;

let server;
let browser;
let ana;
let bo;
let general;

/** Runs in the page, before anything of it: what a test breaks, and a clock for what takes ten seconds. */
function bench() {
  const { observe } = ResizeObserver.prototype;
  ResizeObserver.prototype.observe = function (element, ...rest) {
    if (window.brokenList && element.matches('.messages .row-box')) throw new Error('a row fails');
    return observe.call(this, element, ...rest);
  };
  const { play } = HTMLMediaElement.prototype;
  HTMLVideoElement.prototype.play = function () {
    if (window.brokenTile) throw new Error('a tile fails');
    return play.call(this);
  };
  const later = window.setTimeout;
  window.setTimeout = (run, ms, ...rest) => later(run, window.impatient && ms === 10_000 ? 50 : ms, ...rest);
  window.buttons = {};
  if (navigator.mediaSession) navigator.mediaSession.setActionHandler = (name, run) => void (window.buttons[name] = run);
  window.locks = new Set();
  Object.defineProperty(navigator, 'wakeLock', {
    value: {
      request: async () => {
        const lock = { released: false, release: async () => void ((lock.released = true), window.locks.delete(lock)) };
        window.locks.add(lock);
        return lock;
      },
    },
  });
  window.hide = (hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (hidden ? 'hidden' : 'visible') });
    if (hidden) for (const lock of window.locks) void lock.release();
    document.dispatchEvent(new Event('visibilitychange'));
  };
  /** Until `gaps()`: the longest time in which the counter of a stream stood still, in ms. */
  window.watchGaps = () => {
    const seen = new Map();
    const look = async () => {
      (await window.__convene.pc.getStats()).forEach((row) => {
        if (row.type !== 'inbound-rtp') return;
        const count = row.kind === 'audio' ? row.packetsReceived : row.framesDecoded;
        const now = performance.now();
        const one = seen.get(row.kind) ?? { count, at: now, gap: 0 };
        seen.set(row.kind, one);
        one.gap = Math.max(one.gap, now - one.at);
        if (count !== one.count) Object.assign(one, { count, at: now });
      });
    };
    const timer = setInterval(look, 40);
    window.gaps = () => {
      clearInterval(timer);
      return Object.fromEntries([...seen].map(([kind, { gap }]) => [kind, Math.round(gap)]));
    };
  };
}

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
  const { channels } = await server.api('ana', 'channels');
  general = channels.find((one) => one.slug === 'general').id;
  ana = await Person.signIn(server, browser, 'ana', { prepare: bench });
  bo = await Person.signIn(server, browser, 'bo', { prepare: bench });
  await ana.join('general');
  await bo.join('general');
  await until('they see each other', 20_000, async () => (await Promise.all([ana, bo].map((one) => decoded(one)))).every((frames) => frames > 10));
}, { timeout: 90_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
});

const decoded = async (person) => (await person.received()).filter((row) => row.source === 'camera').reduce((sum, row) => sum + (row.framesDecoded ?? 0), 0);
const path = (person) => person.page.evaluate(() => location.pathname);
const show = async (person, to) => {
  await goto(person, to);
  await until(`${to} is shown`, 10_000, () => person.page.evaluate((wanted) => document.querySelector('.shell')?.dataset.route === wanted && !document.querySelector('main .loading'), to.split('/')[1] === 'c' ? 'channel' : to.slice(1)));
};

/** The longest gaps of both while something is done. Others on the machine only add to them: the least of some rounds. */
async function gapsOf(during) {
  const least = { ana: {}, bo: {} };
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all([ana, bo].map((one) => one.page.evaluate(() => window.watchGaps())));
    await during(round);
    // Long enough for what it set off to be seen.
    await measureFor(1_000, () => {}, 1_000);
    for (const [name, one] of Object.entries({ ana, bo })) {
      for (const [kind, gap] of Object.entries(await one.page.evaluate(() => window.gaps()))) least[name][kind] = Math.min(least[name][kind] ?? Infinity, gap);
    }
  }
  return least;
}
let quiet;
const noGap = (what, seen, which) => {
  console.log(`${what}: ${which.map(([who, kind]) => `${who} ${kind} ${seen[who][kind]} ms`).join(', ')}`);
  for (const [who, kind] of which) assert.ok(seen[who][kind] > 0 && seen[who][kind] <= quiet[who][kind] + GAP_MS, `${what}: ${who} ${kind} stood still for ${seen[who][kind]} ms, quiet ${quiet[who][kind]} ms`);
};
const ALL = [['ana', 'audio'], ['ana', 'video'], ['bo', 'audio'], ['bo', 'video']];

test('other views cost the call nothing', { timeout: 60_000 }, async () => {
  quiet = await gapsOf(() => measureFor(1_500, () => {}, 1_500));
  noGap('quiet', quiet, ALL);
  const seen = await gapsOf(async () => {
    for (const to of ['/c/general', '/calls', '/test', '/call']) await show(ana, to);
  });
  // Nobody receives pictures that are on no view; of all the rest nothing is missing.
  noGap('other views', seen, ALL.filter(([who, kind]) => who === 'bo' || kind === 'audio'));
  const before = await decoded(ana);
  await until('pictures are back', 5_000, async () => (await decoded(ana)) > before + 5);
});

test('a list of messages that fails costs neither the call nor what is being written', { timeout: 60_000 }, async () => {
  await show(ana, '/c/general');
  const composer = await ana.page.waitForSelector('[data-testid="composer"]');
  await composer.type('half a thought');
  const seen = await gapsOf(async (round) => {
    await ana.page.evaluate(() => (window.brokenList = true));
    await server.post('bo', `channels/${general}/messages`, { content: `line ${round}` });
    await until('the list has failed', 5_000, () => ana.page.evaluate(() => document.querySelector('.channel .crash') !== null));
    assert.equal(await ana.page.evaluate(() => document.querySelector('.channel .crash').innerText.replace(/\s+/g, ' ')), 'This part of the page stopped working. Your call goes on. Reopen this part to continue. Reopen');
    assert.equal(await ana.page.evaluate(() => document.querySelector('[data-testid="composer"]').value), 'half a thought');
    assert.equal(await ana.has('mini-call'), true);
    await ana.page.evaluate(() => {
      window.brokenList = false;
      document.querySelector('.channel .crash button').click();
    });
    await until('it is open again', 5_000, () => ana.page.evaluate((text) => document.querySelector('[data-testid="messages"]')?.textContent.includes(text), `line ${round}`));
  });
  noGap('a list that fails', seen, ALL.filter(([who, kind]) => who === 'bo' || kind === 'audio'));
  assert.equal(await ana.page.evaluate(() => document.querySelector('[data-testid="composer"]').value), 'half a thought');
  assert.equal((await ana.call()).phase, 'joined');
});

test('a tile that fails is a face, and costs the others nothing', { timeout: 60_000 }, async () => {
  await show(ana, '/call');
  const mine = () => ana.page.evaluate(() => {
    const { participantId } = window.__convene.call;
    const tile = document.querySelector(`[data-key="${participantId}/camera"]`);
    return { view: tile?.dataset.testid === 'tile', face: tile?.querySelector('.tile-avatar') !== null, video: tile?.querySelector('video') !== null };
  });
  await until('it is a picture', 10_000, async () => (await mine()).video && !(await mine()).face);
  const seen = await gapsOf(async () => {
    await ana.click('control-camera');
    await until('my camera is off', 5_000, () => ana.page.evaluate(() => !window.__convene.local.cameraOn));
    await ana.page.evaluate(() => (window.brokenTile = true));
    await ana.click('control-camera');
    await until('my tile has failed', 10_000, async () => !(await mine()).view);
    assert.deepEqual(await mine(), { view: false, face: true, video: false });
    assert.equal(await ana.page.evaluate(() => document.querySelectorAll('[data-testid="tile"][data-video="true"]').length), 1, 'the other one is a picture');
    await ana.page.evaluate(() => (window.brokenTile = false));
    // What failed is set up again with the next view of it.
    await show(ana, '/calls');
    await show(ana, '/call');
    await until('it is a picture again', 10_000, async () => (await mine()).video && !(await mine()).face);
  });
  noGap('a tile that fails', seen, ALL.filter(([who, kind]) => kind === 'audio'));
  assert.equal((await ana.call()).phase, 'joined');
  const broken = ana.errors.filter((line) => /a row fails|a tile fails|convene: (messages|tile) failed/.test(line));
  assert.ok(broken.length >= 2 * ROUNDS);
  ana.errors = ana.errors.filter((line) => !broken.includes(line));
});

const pip = (run, ...args) => ana.page.evaluate(`(${run})(documentPictureInPicture.window, ...${JSON.stringify(args)})`);
const press = (testid) => pip((win, name) => win.document.querySelector(`[data-testid="${name}"]`).click(), testid);
const openPip = async () => {
  await ana.click('control-pip');
  await until('the small window is open', 10_000, () => pip((win) => win?.document.querySelector('[data-testid="pip-mic"]') !== null));
};

test('the small window shows who speaks, and every state of mine', { timeout: 60_000 }, async () => {
  await openPip();
  const boId = await bo.page.evaluate(() => window.__convene.call.participantId);
  const frames = () => pip((win) => win.document.querySelector('[data-testid="pip-video"]').getVideoPlaybackQuality().totalVideoFrames);
  await until('bo is in it', 5_000, () => pip((win, id) => win.document.querySelector('[data-testid="pip-stage"]').dataset.participant === id, boId));
  await until('and moves', 5_000, async () => (await frames()) > 5);
  const look = await pip((win) => ({
    sheets: [...win.document.querySelectorAll('link[rel=stylesheet]')].map((one) => one.href),
    inline: win.document.querySelectorAll('style').length,
    targets: [...win.document.querySelectorAll('.pip-tools button')].map((one) => Math.min(one.offsetWidth, one.offsetHeight)),
    fits: win.document.documentElement.scrollHeight <= win.innerHeight && win.document.documentElement.scrollWidth <= win.innerWidth,
    names: [...win.document.querySelectorAll('.pip-tools button')].map((one) => one.getAttribute('aria-label') ?? one.textContent),
  }));
  assert.deepEqual(look.sheets, await ana.page.evaluate(() => [...document.querySelectorAll('link[rel=stylesheet]')].map((one) => one.href)));
  assert.equal(look.inline, 0);
  assert.ok(look.targets.every((size) => size >= 44), look.targets.join());
  assert.ok(look.fits);
  assert.deepEqual(look.names, ['Microphone', 'Camera', 'Back to call', 'Leave call']);
  const mic = () => pip((win) => win.document.querySelector('[data-testid="pip-mic"]').getAttribute('aria-pressed'));
  assert.equal(await mic(), 'true');
  await press('pip-mic');
  await until('I am muted', 3_000, async () => (await mic()) === 'false' && !(await ana.page.evaluate(() => window.__convene.local.micLive)));
  await ana.page.evaluate(() => window.buttons.togglemicrophone());
  await until('a headset’s button does the same', 3_000, async () => (await mic()) === 'true');
  await press('pip-camera');
  await until('my camera is off', 3_000, () => ana.page.evaluate(() => !window.__convene.local.cameraOn));
  await ana.page.evaluate(() => window.buttons.togglecamera());
  await until('and on again', 5_000, () => ana.page.evaluate(() => window.__convene.local.cameraOn));

  // Who has no picture is a face.
  await bo.click('control-camera');
  await until('bo is a face', 5_000, () => pip((win) => win.document.querySelector('.pip-stage .tile-avatar') !== null && win.document.querySelector('video').hidden));
  await bo.click('control-camera');
  await until('bo is a picture', 10_000, () => pip((win) => win.document.querySelector('.pip-stage .tile-avatar') === null && !win.document.querySelector('video').hidden));

  // Out of sight, in another view, and still a picture; ten seconds are fifty milliseconds here.
  await show(ana, '/calls');
  await ana.page.evaluate(() => ((window.impatient = true), window.hide(true)));
  const from = await frames();
  await measureFor(2_000, () => {}, 2_000);
  const then = await frames();
  assert.ok(then > from + 5, `${then - from} pictures while the page is hidden`);
  const { audio: heard } = await ana.page.evaluate(() => new Promise((done) => (window.watchGaps(), setTimeout(() => done(window.gaps()), 500))));
  assert.ok(heard <= quiet.ana.audio + GAP_MS, `${heard} ms`);

  await press('pip-back');
  await until('it is closed, and the call is there', 5_000, async () => (await path(ana)) === '/call' && (await ana.page.evaluate(() => documentPictureInPicture.window === null)));
  // Now nobody looks, and pictures stop; back in sight they are there again.
  let count = -1;
  await until('pictures stop', 10_000, async () => {
    const last = await measureFor(800, () => decoded(ana), 800);
    count = last.at(-1);
    return last[0] === count;
  });
  await ana.page.evaluate(() => ((window.impatient = false), window.hide(false)));
  await until('pictures are back', 5_000, async () => (await decoded(ana)) > count + 5);
  assert.equal(await ana.page.evaluate(() => document.querySelector('[data-testid="control-pip"]').getAttribute('aria-pressed')), 'false');
});

test('the screen stays on during a call, and the small window goes with it', { timeout: 60_000 }, async () => {
  const locks = () => ana.page.evaluate(() => window.locks.size);
  assert.equal(await locks(), 1);
  await ana.page.evaluate(() => window.hide(true));
  await until('the browser took it back', 2_000, async () => (await locks()) === 0);
  await ana.page.evaluate(() => window.hide(false));
  await until('it is asked for again', 2_000, async () => (await locks()) === 1);
  await openPip();
  await press('pip-leave');
  await until('the call is left, and the window gone', 5_000, async () => (await ana.call()).phase === 'idle' && (await ana.page.evaluate(() => documentPictureInPicture.window === null)));
  await until('the screen may go dark', 2_000, async () => (await locks()) === 0);
  assert.deepEqual(await ana.page.evaluate(() => [window.buttons.hangup, window.buttons.togglemicrophone]), [null, null], 'nor does a headset’s button do anything');
  assert.deepEqual(ana.errors, []);
});

test('where only pictures can be small, who speaks is one, and without either there is no button', { timeout: 60_000 }, async () => {
  const cy = await Person.signIn(server, browser, 'cy', { prepare: () => delete window.documentPictureInPicture });
  await cy.join('general');
  await until('bo is seen', 15_000, async () => (await decoded(cy)) > 5);
  await cy.click('control-pip');
  await until('it is open', 5_000, () => cy.page.evaluate(() => document.pictureInPictureElement?.className === 'pip-source' && document.pictureInPictureElement.videoWidth > 0));
  await show(cy, '/calls');
  const from = await decoded(cy);
  await until('it goes on in another view', 5_000, async () => (await decoded(cy)) > from + 20);
  await show(cy, '/call');
  await cy.click('control-pip');
  await until('it is closed', 5_000, () => cy.page.evaluate(() => document.pictureInPictureElement === null && document.querySelector('[data-testid="control-pip"]').getAttribute('aria-pressed') === 'false'));
  await cy.leave();
  assert.equal(await cy.page.evaluate(() => document.querySelector('.pip-source')), null);
  assert.deepEqual(cy.errors, []);
  await cy.close();
});
