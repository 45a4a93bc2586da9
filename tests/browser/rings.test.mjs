// Rings on several devices and in several tabs of one: one tab makes the sound, one answer silences all, nothing rings late.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { textOf } from './lib/lab.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start({ CONVENE_CALLS_RING_TIMEOUT: '20s' });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Runs before the page: what is heard is what oscillators play in contexts that run. */
function ears() {
  window.tones = [];
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...rest) {
    window.tones.push(this.context);
    return start.apply(this, rest);
  };
  window.audible = () => window.tones.some((context) => context.state === 'running');
}

async function bench() {
  const [ana, first, second, third] = await Promise.all(
    ['ana', 'bo', 'bo', 'bo'].map((name) => Person.signIn(server, browser, name, { prepare: ears })),
  );
  const tab = await Person.signIn(server, browser, 'bo', { prepare: ears, page: await first.page.browserContext().newPage() });
  return { ana, first, tab, second, third, all: [first, tab, second, third] };
}

const dm = async (from, to, at = server) => {
  const me = await at.api(from, 'users?limit=50');
  const users = me.users ?? me;
  return (await at.post(from, 'dms', { userId: users.find((user) => user.username === to).id })).channel.id;
};

const ringing = (person) => person.has('ring-banner');
const audible = (person) => person.page.evaluate(() => window.audible());
const attribute = (person, name) => person.page.evaluate((key) => document.querySelector('[data-testid="ring-banner"]')?.dataset[key] ?? null, name);
const phase = (person) => person.page.evaluate(() => window.__convene.call.phase);

async function call(ana, channel) {
  await goto(ana, `/dm/${channel}`);
  await ana.click('call-start-voice');
}

test('every device rings, of two tabs one; an answer on one silences all others within a second', { timeout: 60_000 }, async () => {
  const { ana, first, tab, second, third, all } = await bench();
  await call(ana, await dm('ana', 'bo'));
  await Promise.all(all.map((one) => until('it is shown', 5_000, () => ringing(one))));
  await until('every device is heard, of the two tabs one', 5_000, async () => {
    const [a, b, c, d] = await Promise.all(all.map(audible));
    return a !== b && c && d;
  });
  // It is not one beep: after three seconds it still goes on.
  const before = await second.page.evaluate(() => window.tones.length);
  await until('it goes on', 6_000, () => second.page.evaluate((count) => window.tones.length > count + 4, before));
  assert.match(await second.page.title(), /is calling/);

  await second.click('ring-accept');
  const quiet = async (one) => !(await ringing(one)) && !(await audible(one));
  await Promise.all([first, tab, third].map((one) => until('it is silent', 1_000, () => quiet(one))));
  await until('the one that answered is in the call', 15_000, async () => (await phase(second)) === 'joined');
  // Silently: no dialog, no tone, no missed call, and nobody else in the call.
  await measureFor(600, async () => {
    for (const one of [first, tab, third]) assert.deepEqual([await quiet(one), await phase(one), await textOf(one.page, 'toasts')], [true, 'idle', '']);
  });
  assert.doesNotMatch(await first.page.title(), /is calling/);
  await second.leave();
  await ana.leave();
  await Promise.all([ana, first, second, third].map((one) => one.close()));
});

test('two devices answer at once: one is in the call, and neither rings on', { timeout: 30_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const desk = await Person.signIn(server, browser, 'bo');
  const phone = await Person.signIn(server, browser, 'bo');
  await call(ana, await dm('ana', 'bo'));
  await Promise.all([desk, phone].map((one) => until('it rings', 5_000, () => ringing(one))));
  await Promise.all([desk, phone].map((one) => one.page.evaluate(() => document.querySelector('[data-testid="ring-accept"]').click())));
  await until('one has it', 10_000, async () => {
    const phases = await Promise.all([desk, phone].map(phase));
    return phases.filter((one) => one === 'joined').length === 1 && phases.filter((one) => one === 'idle').length === 1;
  });
  await until('ana sees one of them', 10_000, async () => (await ana.call()).participants.length === 2);
  // And so it stays.
  await measureFor(1_500, async () => {
    const phases = await Promise.all([desk, phone].map(phase));
    assert.deepEqual(phases.sort(), ['idle', 'joined']);
    for (const one of [desk, phone]) assert.equal(await ringing(one), false);
  });
  // A seat is kept for a while for who only closes the page, and the next call is another one.
  for (const one of [desk, phone]) if ((await phase(one)) === 'joined') await one.leave();
  await ana.leave();
  await Promise.all([ana, desk, phone].map((one) => one.close()));
});

/** Runs before the page: a screen to share. */
function screens() {
  if (!navigator.mediaDevices) return;
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const pen = canvas.getContext('2d');
    setInterval(() => pen.fillRect(Math.random() * 600, Math.random() * 300, 40, 40), 100);
    return canvas.captureStream(10);
  };
}

test('leave and answer: the other call is shown, and what was shared stays behind', { timeout: 60_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo', { prepare: screens });
  const cy = await Person.signIn(server, browser, 'cy');
  await cy.join('general', { camera: false });
  await bo.join('general', { camera: false });
  await bo.click('control-screen');
  await until('cy sees the screen', 10_000, async () => (await cy.tracks((one) => one.source === 'screen')).length === 1);
  const other = await dm('ana', 'bo');
  await call(ana, other);
  await bo.click('ring-accept');
  await bo.connected();
  await until('it is the call with ana', 5_000, () => bo.page.evaluate((id) => {
    const { channelId } = window.__convene.call;
    return channelId === id && location.pathname === '/call' && document.querySelector('[data-testid="call-view"]') !== null;
  }, other));
  const boId = await bo.userId();
  const heard = async () => (await ana.received()).filter((one) => one.userId === boId && one.source === 'mic' && one.energy > 0).length;
  await until('ana hears bo', 10_000, async () => (await heard()) === 1);
  await until('cy sees no screen', 5_000, async () => (await cy.tracks((one) => one.source === 'screen')).length === 0);
  // And it stays so.
  await measureFor(1_500, async () => {
    assert.equal(await bo.page.evaluate(() => window.__convene.local.screenOn), false);
    assert.deepEqual((await ana.tracks((one) => one.source === 'screen')), []);
    assert.equal(await bo.page.evaluate(() => location.pathname), '/call');
  });
  // A seat is kept for a while for who only closes the page.
  for (const one of [bo, ana, cy]) if ((await phase(one)) !== 'idle') await one.leave();
  await Promise.all([ana, bo, cy].map((one) => one.close()));
});

test('in another call it is quiet, and words are an answer', { timeout: 30_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo', { prepare: ears });
  const tab = await Person.signIn(server, browser, 'bo', { prepare: ears, page: await bo.page.browserContext().newPage() });
  // Views that wait for a frame wait for ever in a tab behind another.
  await bo.page.bringToFront();
  await bo.join('general', { camera: false });
  await call(ana, await dm('ana', 'bo'));
  await until('it is shown', 5_000, () => ringing(bo));
  assert.equal(await attribute(bo, 'quiet'), 'true');
  assert.match(await textOf(bo.page, 'ring-banner'), /is calling.*Decline.*Message.*Leave and answer/);
  // Neither here nor in the other tab, which is in no call.
  await measureFor(1_500, async () => assert.deepEqual([await audible(bo), await audible(tab)], [false, false]));
  await bo.click('ring-message');
  await until('the ring is over', 5_000, async () => !(await ringing(bo)) && !(await ringing(tab)));
  await until('it is the conversation with ana', 5_000, () => bo.page.evaluate(() => document.querySelector('[data-testid="composer"]')?.getAttribute('aria-label')?.includes('Ana')));
  assert.equal(await phase(bo), 'joined', 'the call goes on');
  await until('the caller is told', 5_000, async () => /They are in another call\./.test(await textOf(ana.page, 'toasts')));
  await bo.page.evaluate(() => document.querySelector('[data-testid="mini-leave"]').click());
  await Promise.all([ana, bo].map((one) => one.close()));
});

test('a ring without sound flashes in the title of the tab', { timeout: 30_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo', {
    prepare: () => Object.defineProperty(BaseAudioContext.prototype, 'state', { get: () => 'suspended' }),
  });
  await call(ana, await dm('ana', 'bo'));
  await until('it says so', 5_000, async () => /holds back the ring tone/.test((await textOf(bo.page, 'ring-banner')) ?? ''));
  assert.equal(await attribute(bo, 'sound'), 'blocked');
  const titles = new Set(await measureFor(3_500, () => bo.page.title(), 200));
  assert.ok([...titles].some((title) => /☎ .* is calling/.test(title)) && [...titles].some((title) => !/calling/.test(title)), [...titles].join(' | '));
  await bo.click('ring-decline');
  await until('the caller is told', 5_000, async () => /The call was declined\./.test(await textOf(ana.page, 'toasts')));
  await until('the title is what it was', 3_000, async () => !/calling/.test(await bo.page.title()));
  await Promise.all([ana, bo].map((one) => one.close()));
});

test('a ring that has run out never rings, and one that runs out stops', { timeout: 30_000 }, async () => {
  // Of a stand-in server, which says whatever a late one could say.
  const { listen } = await import('../../web-demo/mock/server.mjs');
  const mock = await listen(0);
  try {
    const bo = await Person.signIn(mock, browser, 'bo', { prepare: ears });
    const [channel] = mock.api.channels.filter((one) => one.kind === 'dm' && one.members.includes(mock.api.byName('bo').id));
    const ring = (callId, ms) =>
      mock.api.emit([mock.api.byName('bo').id], 'call:incoming', {
        callId, channelId: channel.id, type: 'voice', initiator: mock.api.byName('ana'), expiresAt: new Date(Date.now() + ms).toISOString(),
      });
    ring('too-late', -1_000);
    ring('in-time', 2_000);
    await until('the one that is in time is shown', 3_000, async () => (await attribute(bo, 'callId')) === 'in-time');
    await until('it is heard', 2_000, () => audible(bo));
    const seen = new Set();
    await until('it stops by itself', 4_000, async () => {
      seen.add(await attribute(bo, 'callId'));
      return !(await ringing(bo)) && !(await audible(bo));
    });
    assert.equal(seen.has('too-late'), false);
    // By more than the clock of the server is known.
    ring('late-again', -500);
    await measureFor(1_000, async () => assert.deepEqual([await ringing(bo), await audible(bo)], [false, false]), 100);
    await bo.close();
  } finally {
    mock.close();
  }
});

/** Rings run out while the test looks on, and not before a silent device was waited for. */
const SHORT_RING_S = 20;

async function shortRings(t) {
  const own = await Server.start({ CONVENE_CALLS_RING_TIMEOUT: `${SHORT_RING_S}s` });
  const people = [];
  t.after(async () => {
    await Promise.all(people.map((one) => one.close()));
    await own.stop();
  });
  const signIn = async (name) => {
    const person = await Person.signIn(own, browser, name);
    people.push(person);
    return person;
  };
  return { own, signIn };
}

/** What the caller reads of everybody who was rung: name and words. */
const rung = (person) =>
  person.page.evaluate(() => Object.fromEntries([...document.querySelectorAll('[data-testid="invite"]')].map((row) => [row.querySelector('strong').textContent, row.querySelector('.meta').textContent])));
const reads = (person, name, words, ms = 5_000) =>
  until(`${person.username} reads "${words}" of ${name}`, ms, async () => {
    const all = await rung(person);
    return all[name] === words || Promise.reject(new Error(JSON.stringify(all)));
  });
const over = async (person, words, ms = 5_000) => {
  await until(`${person.username} is told: ${words}`, ms, async () => (await textOf(person.page, 'toasts')).includes(words));
  assert.equal(await phase(person), 'idle', 'and the call is over');
};

test('the caller of one is told: notified, ringing, declined, busy, no answer', { timeout: 120_000 }, async (t) => {
  const { own, signIn } = await shortRings(t);
  const channel = await dm('ana', 'bo', own);
  const ana = await signIn('ana');
  await call(ana, channel);
  await reads(ana, 'Bo Lindqvist', 'Notified (no device online)');
  // A device that comes while it rings is one that rings.
  const bo = await signIn('bo');
  await until('it rings there', 5_000, () => ringing(bo));
  await reads(ana, 'Bo Lindqvist', 'Ringing…');
  await bo.click('ring-decline');
  await over(ana, 'The call was declined.');

  await bo.join('general', { camera: false });
  await call(ana, channel);
  await reads(ana, 'Bo Lindqvist', 'Ringing…');
  await bo.click('ring-message');
  await over(ana, 'They are in another call.');
  await bo.page.evaluate(() => document.querySelector('[data-testid="mini-leave"]').click());
  await until('bo is free', 5_000, async () => (await phase(bo)) === 'idle');

  await call(ana, channel);
  await reads(ana, 'Bo Lindqvist', 'Ringing…');
  await over(ana, 'Nobody answered.', (SHORT_RING_S + 4) * 1_000);
  assert.equal(await ringing(bo), false);
});

test('the caller of several is told of each, while the call goes on, and hears it too', { timeout: 120_000 }, async (t) => {
  const { own, signIn } = await shortRings(t);
  const [ana, bo, cy] = [await signIn('ana'), await signIn('bo'), await signIn('cy')];
  const ids = Object.fromEntries((await own.api('ana', 'users')).users.map((user) => [user.username, user.id]));
  const { channel } = await own.post('ana', 'channels', { type: 'group', name: 'Crew', participants: [ids.bo, ids.cy, ids.di] });
  await ana.page.evaluate(() => {
    window.said = [];
    const region = document.querySelector('[data-testid="announcer"]');
    new MutationObserver(() => window.said.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
  await ana.join(channel.id, { camera: false });
  await Promise.all([bo, cy].map((one) => until('it rings', 5_000, () => ringing(one))));
  await reads(ana, 'Cy Okafor', 'Ringing…');
  await reads(ana, 'Di Tanaka', 'Notified (no device online)');
  await bo.click('ring-accept');
  await bo.connected();
  await cy.click('ring-decline');
  await reads(ana, 'Cy Okafor', 'Declined');
  // Nobody has to be the one who started it: bo is told as well.
  await until('ana and bo read the same', 5_000, async () => (await rung(bo))['Cy Okafor'] === 'Declined');
  await reads(ana, 'Di Tanaka', 'No answer', (SHORT_RING_S + 4) * 1_000);
  assert.deepEqual(await rung(ana), { 'Cy Okafor': 'Declined', 'Di Tanaka': 'No answer' }, 'who answered is in the call');
  assert.equal((await ana.call()).participants.length, 2, 'which goes on');

  // Rung again, from the call, by somebody who did not start it.
  await cy.join('general', { camera: false });
  await bo.click('call-more');
  await bo.click('menu-ring');
  await (await bo.page.waitForSelector('[aria-label="Ring Cy Okafor"]')).click();
  await until('it rings quietly', 5_000, () => ringing(cy));
  await reads(bo, 'Cy Okafor', 'Ringing…');
  await cy.click('ring-message');
  await reads(bo, 'Cy Okafor', 'Busy');
  await reads(ana, 'Cy Okafor', 'Busy');
  for (const words of ['Cy Okafor: Declined', 'Di Tanaka: Notified (no device online)', 'Di Tanaka: No answer', 'Cy Okafor: Busy']) {
    await until(`it is said: ${words}`, 8_000, () => ana.page.evaluate((wanted) => window.said.some((one) => one.includes(wanted)), words));
  }
});
