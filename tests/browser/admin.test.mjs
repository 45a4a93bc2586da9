// What administrators of the server see of it while it runs, what they do about it, and that nobody else does.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { look as seen } from './lib/look.mjs';
import { goto, Person } from './lib/people.mjs';
import { OUT, Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const CLOSED = 'An administrator of this server closed the call.';
const id = (name) => `[data-testid="${name}"]`;
let server;
let browser;
let people;
let ana;
let bo;
let cy;

before(async () => {
  await mkdir(OUT, { recursive: true });
  server = await Server.start({ CONVENE_CALLS_ALONE_TIMEOUT: '10m' });
  browser = await launchChromium();
  people = Object.fromEntries((await server.api('ana', 'users')).users.map((user) => [user.username, user.id]));
  [ana, bo, cy] = await Promise.all(['ana', 'bo', 'cy'].map((name) => Person.signIn(server, browser, name, { prepare: countClicks })));
}, { timeout: 60_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
});

function countClicks() {
  window.clicks = 0;
  // Not `click`: Enter in a form makes one, too.
  addEventListener('pointerdown', () => window.clicks++, true);
}

const text = (person) => person.page.evaluate(() => document.body.innerText);
const reads = (person, words, ms = 5_000) => until(`${person.username} reads “${words}”`, ms, async () => (await text(person)).includes(words));
const rooms = () => ana.page.$$eval(id('room'), (all) => all.map((one) => ({ callId: one.dataset.callId, worst: one.dataset.worst, text: one.innerText })));
const focused = (person) => person.page.evaluate(() => document.activeElement?.id || document.activeElement?.dataset.testid || document.activeElement?.tagName);

/** Notes in the page when it first says something, and whether one is in a call then. */
function watchForWords(words) {
  const observer = new MutationObserver(() => {
    if (!document.body.innerText.includes(words)) return;
    observer.disconnect();
    window.wordsSeen = { at: Date.now(), phase: window.__convene.call.phase };
  });
  observer.observe(document.body, { childList: true, subtree: true, characterData: true });
}

/** In two looks, with what a machine can say about access. */
async function look(name, sizes = [['wide', 1280, 800, 'light'], ['phone', 390, 844, 'dark']]) {
  for (const [size, width, height, scheme] of sizes) {
    await ana.page.setViewport({ width, height });
    // Without the moment in between.
    await ana.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
    await seen(ana.page, `admin-${name}-${size}-${scheme}`);
  }
  await ana.page.setViewport({ width: 1280, height: 800 });
  await ana.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
}

/** What a socket of one's own answers, beside that of the page. */
async function overSocket(person, ...commands) {
  const token = await server.login(person.username);
  return person.page.evaluate(
    (bearer, asked) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws`);
        const answers = [];
        const send = (op, id, d) => socket.send(JSON.stringify({ op, id, d }));
        socket.onopen = () => send('session:hello', 1, { token: bearer });
        socket.onclose = () => reject(new Error('the socket is closed'));
        socket.onmessage = ({ data }) => {
          const frame = JSON.parse(data);
          if (!frame.re) return;
          if (frame.re > 1) answers.push([asked[frame.re - 2][0], frame.ok ? 'ok' : frame.e.code]);
          // One after the other, as the server takes them.
          const next = asked[frame.re - 1];
          if (next) return send(next[0], frame.re + 1, next[1]);
          socket.onclose = null;
          socket.close();
          resolve(answers);
        };
      }),
    token,
    commands,
  );
}

test('a live call is seen with its connections, and closed for everybody within a second', { timeout: 120_000 }, async () => {
  const made = { type: 'group', name: 'Design review', participants: [people.cy], private: true };
  const { channel } = await server.post('bo', 'channels', made);
  await ana.click('nav-admin');
  const figure = (name) => ana.page.$eval(id(`figure-${name}`), (one) => one.innerText);
  await until('the figures of the server', 5_000, async () => /^Live calls\s+0\b/.test(await figure('calls')));
  await bo.join(channel.id, { camera: false });
  await cy.join(channel.id, { camera: false });
  await until('the call is counted, without a reload', 8_000, async () => /^Live calls\s+1\b/.test(await figure('calls')));
  await until('the load was measured twice', 8_000, async () => /%/.test(await figure('cpu')) && /bit\/s/.test(await figure('received')));
  assert.match(await figure('people'), /^People online\s+3\b/);
  await until('and the people in it', 6_000, async () => /\b2$/.test(await figure('in-calls')));
  await look('overview');

  await ana.click('admin-rooms');
  await until('the view is entered at its heading', 5_000, () => ana.page.evaluate(() => document.activeElement?.className === 'admin-part'));
  const [room] = await until('the call is listed', 8_000, async () => ((await rooms()).length > 0 ? rooms() : null));
  assert.match(room.text, /Design review/, 'a call of a private group that the administrator is not in');
  assert.match(room.text, /2 people/);
  await until('the worst connection was measured, and is shown without a reload', 20_000, async () => {
    const worst = Number((await rooms())[0].worst);
    return worst > 50 && worst <= 100;
  });
  await ana.click('room-open');
  const persons = await until('its people', 10_000, async () => {
    const found = await ana.page.$$eval(id('room-person'), (all) => all.map((one) => one.innerText));
    return found.length === 2 && found.every((one) => / lost, /.test(one)) ? found : null;
  });
  assert.ok(persons.some((one) => one.startsWith('Bo')) && persons.some((one) => one.startsWith('Cy')), String(persons));
  assert.equal(await ana.page.$eval('.rooms th[aria-sort]', (one) => one.getAttribute('aria-sort')), 'ascending');
  await look('rooms');

  await ana.click('room-close');
  assert.equal(await ana.page.$eval(id('room-close'), (one) => one.dataset.armed), 'true', 'the first press asks');
  assert.equal((await bo.call()).phase, 'joined');
  for (const person of [bo, cy]) await person.page.evaluate(watchForWords, CLOSED);
  await ana.page.evaluate(() => addEventListener('click', () => (window.pressedAt = Date.now()), { capture: true, once: true }));
  await ana.click('room-close');
  for (const person of [bo, cy]) {
    const { at, phase } = await until(`${person.username} is told`, 5_000, () => person.page.evaluate(() => window.wordsSeen));
    assert.equal(phase, 'idle', 'and is in no call any more');
    const after = at - (await ana.page.evaluate(() => window.pressedAt));
    assert.ok(after < 1_000, `${person.username} was told after ${after} ms`);
  }
  await reads(ana, 'The call in Design review is closed.');
  await until('it is listed no more', 6_000, async () => (await rooms()).length === 0);
  assert.equal(await focused(ana), 'admin-title', 'the focus is not lost with the button');
  const { entries } = await server.api('ana', 'admin/audit?limit=1');
  assert.deepEqual([entries[0].action, entries[0].target, entries[0].actor], ['call.end', room.callId, people.ana]);
  const { call } = await server.api('bo', `calls/${room.callId}`);
  assert.equal(call.endReason, 'admin_ended');
});

test('a direct call that rings is seen without names, and stopped', { timeout: 60_000 }, async () => {
  await ana.click('admin-rings');
  await reads(ana, 'Nobody is being rung.');
  const { channel } = await server.post('bo', 'dms', { userId: people.cy });
  await goto(bo, `/dm/${channel.id}`);
  await bo.click('call-start-voice');
  await cy.page.waitForSelector(id('ring-banner'), { timeout: 5_000 });
  const ring = await until('the ring is listed', 8_000, () => ana.page.$eval(id('ring-row'), (one) => one.innerText).catch(() => null));
  assert.match(ring, /^A direct call rings/);
  assert.doesNotMatch(ring, /Bo|Cy/, 'whose it is is told to nobody else');
  await look('rings');
  await ana.click('ring-cancel');
  await ana.click('ring-cancel');
  await until('it rings no more', 2_000, async () => !(await cy.has('ring-banner')));
  await until('and the caller is in no call', 2_000, async () => (await bo.call()).phase === 'idle');
  await reads(ana, 'Nobody is being rung.');
  const { entries } = await server.api('ana', 'admin/audit?limit=1');
  assert.equal(entries[0].action, 'ring.cancel');
});

test('who is no administrator sees nothing, and is refused over both carriers', { timeout: 60_000 }, async () => {
  assert.equal(await bo.has('nav-admin'), false);
  await goto(bo, '/admin/rooms');
  await reads(bo, 'Only administrators of this server see this.');
  assert.equal(await bo.has('room'), false);
  const { channel } = await server.post('bo', 'dms', { userId: people.cy });
  await goto(bo, `/dm/${channel.id}`);
  await bo.click('call-start-voice');
  await cy.click('ring-accept');
  await cy.connected();
  const { callId } = await cy.call();
  const on = { callId };
  const commands = [['admin:overview', {}], ['admin:policy', {}], ['admin:calls', {}], ['admin:call', on], ['admin:rings', {}], ['admin:cancel_ring', on], ['admin:end_call', on]];
  assert.deepEqual(await overSocket(bo, ...commands), commands.map(([op]) => [op, 'perm.denied']));
  assert.deepEqual(await overSocket(ana, commands[0], commands[3]), [['admin:overview', 'ok'], ['admin:call', 'ok']]);
  const requests = [['GET', 'overview'], ['GET', 'policy'], ['GET', 'calls'], ['GET', `calls/${callId}`], ['GET', 'rings'], ['DELETE', `calls/${callId}/rings`], ['POST', `calls/${callId}/end`]];
  for (const [method, where] of requests) {
    await assert.rejects(server.api('bo', `admin/${where}`, { method }), /403 .*perm\.denied/, where);
  }
  assert.equal((await bo.call()).phase, 'joined', 'and nothing happened');
  await bo.leave();
  await until('cy is alone, and leaves', 5_000, async () => (await cy.call()).phase === 'joined');
  await cy.leave();
});

test('an account is disabled in three clicks, once its name was typed', { timeout: 60_000 }, async () => {
  await goto(ana, '/admin/overview');
  await ana.page.waitForSelector(id('figures'), { timeout: 5_000 });
  await ana.page.evaluate(() => (window.clicks = 0));
  await ana.click('admin-people');
  const row = `${id('account')}[data-username="cy"]`;
  await ana.page.waitForSelector(`${row} ${id('account-disable')}`, { timeout: 5_000 });
  await (await ana.page.$(`${row} ${id('account-disable')}`)).click();
  await until('the name is asked for', 2_000, async () => (await focused(ana)) === 'disable-confirm');
  await ana.page.keyboard.type('bo');
  await ana.page.keyboard.press('Enter');
  await reads(ana, 'That is not “cy”. Nothing was changed.');
  assert.equal((await cy.call()).phase, 'idle');
  await look('disable');
  await ana.page.click(id('disable-confirm'), { count: 3 });
  await ana.page.evaluate(() => (window.clicks -= 3));
  await ana.page.keyboard.type('cy');
  await ana.click('disable-submit');
  await reads(ana, 'The account of Cy Okafor is disabled.');
  const clicks = await ana.page.evaluate(() => window.clicks);
  assert.ok(clicks <= 3, `${clicks} clicks`);
  await cy.page.waitForSelector(`${id('banned')}, ${id('signin-username')}`, { timeout: 3_000 });
  await assert.rejects(server.login('cy'), /auth\.banned/);
  assert.equal(await ana.page.$(`${id('account')}[data-username="ana"] ${id('account-disable')}`), null, 'nobody disables themselves');
  await (await ana.page.waitForSelector(`${row} ${id('account-enable')}`, { timeout: 3_000 })).click();
  await ana.page.waitForSelector(`${row} ${id('account-disable')}`, { timeout: 3_000 });
  await server.login('cy');
});

test('the policy is that of the running server, and every part is fit to use', { timeout: 90_000 }, async () => {
  await ana.click('admin-policy');
  await ana.page.waitForSelector(id('policy-row'), { timeout: 5_000 });
  const row = (name) => ana.page.$eval(`${id('policy-row')}[data-name="${name}"]`, (one) => one.innerText);
  assert.match(await row('calls.alone_timeout'), /10 minutes[\s\S]*changed from the default/);
  assert.match(await row('calls.ring_timeout'), /45 seconds/);
  assert.doesNotMatch(await row('calls.ring_timeout'), /changed/);
  assert.match(await row('chat.rate_scale'), /No limits/);
  const { settings } = await server.api('ana', 'admin/policy');
  assert.equal(settings.length, (await ana.page.$$(id('policy-row'))).length, 'no setting is left out');
  assert.doesNotMatch(JSON.stringify(settings), /a-test-secret/);
  const unnamed = await ana.page.$$eval(`${id('policy-row')} dt`, (all) => all.filter((one) => one.firstChild.textContent.includes('_')).map((one) => one.innerText));
  assert.deepEqual(unnamed, [], 'every setting has words');
  await look('policy');
  for (const tab of ['people', 'log']) {
    await ana.click(`admin-${tab}`);
    await until(`${tab} is there`, 5_000, () => ana.page.evaluate((name) => document.querySelector('[data-testid="admin"]').dataset.tab === name && !document.querySelector('.admin .loading'), tab));
    await look(tab);
  }
  assert.deepEqual([ana.errors, bo.errors], [[], []]);
});
