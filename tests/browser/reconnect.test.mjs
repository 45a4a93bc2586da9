// What the page says while the connection is lost, row by row, and what it sends meanwhile.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { cable } from './lib/cable.mjs';
import { textOf, withLab } from './lib/lab.mjs';
import { Person } from './lib/people.mjs';
import { freeUdpPorts } from './lib/ports.mjs';
import { impair, Server } from './lib/server.mjs';
import { measureFor, until, untilEqual } from './lib/wait.mjs';

let server;
let browser;
/** Everybody's sound and pictures go through `path`, ana's signalling through `line`. */
let path;
let line;

before(async () => {
  const port = await freeUdpPorts();
  server = await Server.start({ CONVENE_MEDIA_SHARDS: '1', CONVENE_MEDIA_ADVERTISE: `127.0.0.1:${port}` });
  path = await impair(`127.0.0.1:${server.mediaPort}`, { listen: `127.0.0.1:${port}` });
  line = await cable(server.url);
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  path?.release();
  await path?.stop();
  line?.stop();
  await server?.stop();
});

const signIn = (to, username) => Person.signIn(to, browser, username, { before: withLab, camera: null });
/** Ana behind the line, and bo, muted, in the same call. */
async function both(t) {
  const ana = await signIn({ url: line.url }, 'ana');
  const bo = await signIn(server, 'bo');
  t.after(async () => {
    line.join();
    path.release();
    await Promise.all([ana, bo].map((one) => one.close()));
  });
  await ana.join('general', { camera: false });
  await bo.join('general', { camera: false });
  await bo.click('control-mic');
  // Seats of the test before may be kept for a while.
  await until('both are there', 10_000, async () => (await ana.call()).participants.length >= 2);
  return [ana, bo];
}
const later = (person, ms) =>
  person.page.evaluate((step) => {
    window.lab.skip(step);
    dispatchEvent(new Event('offline'));
  }, ms);
const stage = (person) => person.page.evaluate(() => window.__convene.connection.stage);
const sending = (person) => person.page.evaluate(() => window.__convene.pc?.getSenders().filter((sender) => sender.track).length ?? 0);

/** Runs in the page: when each stage began, since now. */
function watchStages() {
  const began = performance.now();
  window.stages = {};
  const look = () => (window.stages[window.__convene.connection.stage] ??= performance.now() - began);
  look();
  window.__convene.onConnection(look);
}

test('nothing gets through: spinner, banner, panel, and back with the same microphones', { timeout: 60_000 }, async (t) => {
  const [ana, bo] = await both(t);
  const places = () => ana.page.evaluate(() => [...document.querySelectorAll('[data-testid="tile"]')].map((tile) => tile.dataset.user));
  const before = await places();
  const seat = () => ana.page.evaluate(() => window.__convene.call.participantId);
  const own = await seat();
  await ana.page.evaluate(() => {
    const { start } = OscillatorNode.prototype;
    window.cues = [];
    OscillatorNode.prototype.start = function (...rest) {
      const hertz = Math.round(this.frequency.value);
      // Not those of people who come and go.
      if ([440, 349, 523, 659].includes(hertz)) window.cues.push(hertz);
      return start.apply(this, rest);
    };
  });
  assert.ok((await sending(ana)) > 0);

  await ana.page.evaluate(watchStages);
  line.cut();
  path.hold();
  await until('the header says it', 5_000, async () => (await textOf(ana.page, 'call-reconnecting')) === 'Reconnecting');
  assert.equal(await ana.has('connection-banner'), false, 'no banner yet');
  assert.equal(await ana.page.evaluate(() => document.querySelector('[data-testid="control-mic"]').disabled), false, 'controls stay live');
  await until('the banner says it', 8_000, () => ana.has('connection-banner'));
  const seen = await ana.page.evaluate(() => window.stages);
  assert.ok(seen.reconnecting >= 950 && seen.reconnecting < 3_000, `the spinner came after ${seen.reconnecting} ms`);
  assert.ok(seen.lost >= 4_900 && seen.lost < 7_000, `the banner came after ${seen.lost} ms`);
  await until('what is sent is held back', 8_000, async () => (await sending(ana)) === 0);
  assert.match(await textOf(ana.page, 'connection-banner'), /Connection lost, trying again. Others may not hear you. Try now/);
  assert.deepEqual(await ana.page.evaluate(() => window.cues), [440, 349], 'one soft cue');
  const anaToBo = () => bo.page.evaluate(() => {
    const tile = document.querySelector('[data-testid="tile"][data-user="ana"]');
    // That her connection is weak may be said for as long as its quality is that of the gap.
    const told = [tile?.querySelector('[data-testid="tile-note"]')?.textContent, tile?.getAttribute('aria-label')];
    return [tile?.dataset.away, ...told.map((text) => /Reconnecting/.test(text ?? ''))].join();
  });
  await untilEqual('bo sees that ana is away', 10_000, anaToBo, 'true,true,true');
  assert.match(await textOf(ana.page, 'mic-paused'), /on hold until the connection is back/);

  const { channels } = await server.api('bo', 'channels');
  await server.post('bo', `channels/${channels.find((one) => one.slug === 'general').id}/messages`, { content: 'while you were away' });

  // Half a minute later.
  await later(ana, 30_000);
  await ana.page.waitForSelector('[data-testid="lost-panel"]', { timeout: 3_000 });
  assert.match(await textOf(ana.page, 'lost-panel'), /The server cannot be reached.*We keep trying until you leave.*Try now Sound only Run test Leave/);
  assert.ok(await ana.page.evaluate(() => {
    const [panel, controls] = ['.lost-panel', '.controls'].map((one) => document.querySelector(one).getBoundingClientRect());
    return panel.bottom <= controls.top;
  }), 'the panel covers the stage only');

  line.join();
  path.release();
  // It may be quicker by itself.
  await ana.page.evaluate(() => document.querySelector('[data-testid="lost-try"]')?.click());
  await until('it is back', 20_000, async () => /You’re back/.test((await textOf(ana.page, 'connection-banner')) ?? ''));
  await until('and says so for a moment only', 4_000, async () => !(await ana.has('connection-banner')));
  assert.equal(await stage(ana), 'fine');
  assert.deepEqual(await ana.page.evaluate(() => window.cues), [440, 349, 523, 659], 'and one for the way back');
  await untilEqual('bo sees that ana is back', 10_000, anaToBo, 'false,false,false');
  await until('sending goes on', 10_000, async () => (await sending(ana)) > 0);
  await bo.connected();
  const mics = await Promise.all([ana, bo].map((one) => one.page.evaluate(() => [window.__convene.local.micOn, window.__convene.local.micLive])));
  assert.deepEqual(mics, [[true, true], [false, false]], 'microphones are as they were');
  await until('tiles are where they were', 10_000, async () => String(await places()) === String(before));
  assert.equal(await seat(), own, 'it is the same seat');
  await ana.click('call-to-chat');
  await until('what was written meanwhile is there', 5_000, () => ana.page.evaluate(() => document.querySelector('[data-testid="messages"]')?.textContent.includes('while you were away')));
});

test('without the server but with sound, nothing is paused and nothing is covered', { timeout: 30_000 }, async (t) => {
  const [ana, bo] = await both(t);
  line.cut();
  await until('it is told', 10_000, () => ana.has('connection-banner'));
  assert.match(await textOf(ana.page, 'connection-banner'), /No connection to the server, trying again. Sound goes on/);
  await later(ana, 31_000);
  assert.equal(await ana.has('lost-panel'), false);
  assert.ok((await sending(ana)) > 0, 'it still sends');
  line.join();
  await until('it is back', 15_000, async () => /You’re back/.test((await textOf(ana.page, 'connection-banner')) ?? ''));
});

test('without sound but with the server, the panel says so and has ways out', { timeout: 45_000 }, async (t) => {
  const [ana, bo] = await both(t);
  path.hold();
  await until('it is told', 15_000, () => ana.has('connection-banner'));
  assert.match(await textOf(ana.page, 'connection-banner'), /Connection lost, trying again. Others may not hear you/);
  await later(ana, 31_000);
  await ana.page.waitForSelector('[data-testid="lost-panel"][data-reason="calls"]', { timeout: 3_000 });
  assert.match(await textOf(ana.page, 'lost-panel'), /Sound and pictures do not get through Chat still works/);
  await ana.click('lost-test');
  await until('it is the connection test', 3_000, () => ana.page.evaluate(() => location.pathname === '/test'));
  assert.equal((await ana.call()).phase, 'joined', 'the call goes on meanwhile');
  await ana.click('mini-open');
  await ana.click('lost-sound-only');
  assert.match(await textOf(ana.page, 'sound-only'), /Sound only. No pictures are received. Show video/);
  await ana.click('lost-leave');
  await until('ana is out', 3_000, async () => (await ana.call()).phase === 'idle');
});

test('without any network it is said that this device is offline, and it ends by itself when there is one', { timeout: 60_000 }, async (t) => {
  const [ana, bo] = await both(t);
  t.after(() => ana.page.setOfflineMode(false).catch(() => {}));
  await ana.page.setOfflineMode(true);
  line.cut();
  path.hold();
  assert.equal(await ana.page.evaluate(() => navigator.onLine), false, 'the browser knows it');
  await until('it is told', 10_000, () => ana.has('connection-banner'));
  await until('what is sent is held back', 8_000, async () => (await sending(ana)) === 0);
  assert.match(await textOf(ana.page, 'connection-banner'), /Connection lost, trying again. Others may not hear you/);
  await later(ana, 31_000);
  await ana.page.waitForSelector('[data-testid="lost-panel"][data-reason="offline"]', { timeout: 3_000 });
  assert.match(await textOf(ana.page, 'lost-panel'), /^You are offline This device has no network. Check Wi.Fi or the cable. We keep trying until you leave. Try now Sound only Run test Leave$/);
  // Trying in vain changes nothing.
  await ana.click('lost-try');
  await measureFor(1_000, async () => assert.equal(await ana.page.evaluate(() => document.querySelector('[data-testid="lost-panel"]')?.dataset.reason), 'offline'));
  assert.equal((await ana.call()).phase, 'joined');

  line.join();
  path.release();
  await ana.page.setOfflineMode(false);
  await until('the panel is gone, and nobody pressed anything', 20_000, async () => !(await ana.has('lost-panel')));
  await until('it is back', 20_000, async () => /You’re back/.test((await textOf(ana.page, 'connection-banner')) ?? ''));
  await until('sending goes on', 10_000, async () => (await sending(ana)) > 0);
  await ana.connected();
  assert.deepEqual(await ana.page.evaluate(() => [window.__convene.local.micOn, window.__convene.local.micLive]), [true, true]);

  // Without a call there is no panel, and what is written waits.
  await ana.leave();
  await ana.page.setOfflineMode(true);
  line.cut();
  await untilEqual('it is told', 10_000, () => textOf(ana.page, 'connection-banner'), 'You are offline. Messages wait here and are sent when you are back. Try now');
  line.join();
  await ana.page.setOfflineMode(false);
  await until('it is back', 15_000, async () => !(await ana.has('connection-banner')));
});

/** How long the server of the test keeps a seat. */
const SEAT_S = 15;
/** Of a cut that is shorter, with the way back. */
const SHORT_CUT_MS = 3_000;

test('a seat is kept for as long as the server says; after that the page takes another one by itself', { timeout: 120_000 }, async (t) => {
  const own = await Server.start({ CONVENE_CALLS_GRACE: `${SEAT_S}s` });
  const wire = await cable(own.url);
  const people = [];
  t.after(async () => {
    await Promise.all(people.map((one) => one.close()));
    wire.stop();
    await own.stop();
  });
  const ana = await signIn({ url: wire.url }, 'ana');
  people.push(ana);
  const bo = await signIn(own, 'bo');
  people.push(bo);
  await ana.join('general', { camera: false });
  await bo.join('general', { camera: false });
  await until('both are there', 10_000, async () => (await bo.call()).participants.length === 2 && (await ana.call()).participants.length === 2);
  await bo.page.evaluate(() => {
    // Who was in the call, each time that it was somebody else; and what was said of it.
    window.seen = [];
    window.said = [];
    const look = () => {
      const now = window.__convene.call.participants.map((one) => one.participantId).join();
      if (window.seen.at(-1) !== now) window.seen.push(now);
      requestAnimationFrame(look);
    };
    look();
    const region = document.querySelector('[data-testid="announcer"]');
    new MutationObserver(() => window.said.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
  const seat = (person) => person.page.evaluate(() => window.__convene.call.participantId);
  const comings = () => bo.page.evaluate(() => window.said.filter((one) => /(joined|left) the call/.test(one)));
  const sessionIs = (phase) => until(`the session of ana is ${phase}`, 15_000, async () => (await ana.page.evaluate(() => window.__convene.session.phase === 'ready')) === (phase === 'ready'));
  const [first, other] = [await seat(ana), await seat(bo)];
  await ana.page.evaluate(() => (window.kept = window.__convene.pc));

  // Much shorter than that.
  wire.cut();
  await sessionIs('lost');
  await measureFor(SHORT_CUT_MS, async () => assert.equal((await bo.call()).participants.length, 2));
  wire.join();
  await sessionIs('ready');
  assert.equal(await seat(ana), first, 'the same seat');
  // What would be told of a new one comes with the session, or soon after.
  await measureFor(1_500, async () => assert.equal(await seat(ana), first));
  assert.equal(await ana.page.evaluate(() => window.kept === window.__convene.pc && window.kept.connectionState), 'connected', 'with the same media');
  assert.deepEqual([(await bo.page.evaluate(() => window.seen)).length, await comings()], [1, []], 'nobody saw anybody leave or come');

  // Longer than that.
  const cutAt = performance.now();
  wire.cut();
  await until('the seat is given up', (SEAT_S + 8) * 1_000, async () => (await bo.call()).participants.length === 1);
  const keptFor = (performance.now() - cutAt) / 1_000;
  assert.ok(keptFor >= SEAT_S - 0.5 && keptFor < SEAT_S + 4, `it was kept for ${keptFor.toFixed(1)} s`);
  wire.join();
  await until('ana has another seat in the same call', 20_000, async () => {
    const now = await ana.page.evaluate(() => ({ seat: window.__convene.call.participantId, phase: window.__convene.call.phase }));
    return now.phase === 'joined' && now.seat !== first;
  });
  await ana.connected();
  const second = await seat(ana);
  await until('bo sees ana again', 10_000, async () => (await bo.page.evaluate(() => window.seen)).at(-1).includes(second));
  const seen = (await bo.page.evaluate(() => window.seen)).map((one) => one.split(',').toSorted());
  assert.deepEqual(seen, [[first, other].toSorted(), [other], [other, second].toSorted()], 'out, and in again, once each');
  assert.deepEqual(await ana.page.evaluate(() => [window.__convene.local.micOn, window.__convene.local.micLive]), [true, true], 'with the microphone as it was');
  await until('and bo hears ana', 10_000, async () => (await bo.received()).some((row) => row.source === 'mic' && row.energy > 0 && !row.missing));
});

test('a socket that is cut for a moment is not worth a word', { timeout: 30_000 }, async () => {
  const ana = await signIn(server, 'ana');
  await ana.join('general', { camera: false });
  await ana.page.evaluate(watchStages);
  const { sessionId } = await ana.page.evaluate(() => window.__convene.session);
  await ana.page.evaluate(() => window.__convene.dropConnection());
  await until('the session goes on', 5_000, () => ana.page.evaluate((id) => window.__convene.session.phase === 'ready' && window.__convene.session.sessionId === id, sessionId));
  assert.deepEqual(Object.keys(await ana.page.evaluate(() => window.stages)), ['fine']);
  assert.equal(await ana.has('connection-banner'), false);
  await ana.close();
});
