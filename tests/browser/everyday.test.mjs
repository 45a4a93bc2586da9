// An ordinary day at the page: unread here and there, changed one's mind, wrote in the train, missed a call, was shown the door.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const RING_S = 3;

let server;
let browser;

before(async () => {
  server = await Server.start({ CONVENE_CALLS_RING_TIMEOUT: `${RING_S}s` });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const close = async (...people) => {
  for (const person of people) {
    assert.deepEqual(person.errors, [], person.username);
    await person.page.browserContext().close();
  }
};

const userId = async (username) => (await server.api('ana', `users?search=${username}`)).users.find((user) => user.username === username).id;
const dm = async (from, to) => (await server.post(from, 'dms', { userId: await userId(to) })).channel.id;

async function write(person, text) {
  const composer = await person.page.waitForSelector('[data-testid="composer"]', { timeout: 10_000 });
  await composer.click();
  await composer.type(text);
  await person.page.keyboard.press('Enter');
}

/** The messages in view: text, whether edited or deleted. */
const messages = (person) =>
  person.page.evaluate(() =>
    [...document.querySelectorAll('[data-testid="messages"] [data-testid="message"]')].map((row) => ({
      id: row.dataset.messageId,
      text: row.querySelector('.message-text, .message-deleted')?.textContent ?? '',
      deleted: row.dataset.deleted === 'true',
    })),
  );
const sees = (person, what, found, ms = 5_000) => until(`${person.username} sees ${what}`, ms, async () => (await messages(person)).some(found));

async function act(person, messageId, button) {
  const row = await person.page.waitForSelector(`[data-message-id="${messageId}"]`, { timeout: 10_000 });
  await row.hover();
  await (await row.waitForSelector(`[data-testid="${button}"]`, { timeout: 5_000 })).click();
}

test('what is edited and deleted is so for everybody, and the text of before is gone', { timeout: 90_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo');
  for (const person of [ana, bo]) await goto(person, '/c/general');
  await ana.page.bringToFront();
  await write(ana, 'the meeting is at tne');
  await sees(bo, 'the message', (one) => one.text === 'the meeting is at tne');
  const { id } = (await messages(ana)).find((one) => one.text === 'the meeting is at tne');
  await act(ana, id, 'message-edit');
  const editor = await ana.page.waitForSelector('[data-testid="message-editor"]');
  await editor.press('Backspace');
  await editor.press('Backspace');
  await editor.press('Backspace');
  await editor.type('ten');
  await ana.page.keyboard.press('Enter');
  for (const person of [ana, bo]) await sees(person, 'the new text', (one) => one.id === id && one.text === 'the meeting is at ten (edited)');
  await act(ana, id, 'message-delete');
  await ana.click('message-delete-confirm');
  for (const person of [ana, bo]) await sees(person, 'that it is gone', (one) => one.id === id && one.deleted && !one.text.includes('meeting'));
  await bo.page.reload();
  await goto(bo, '/c/general');
  await sees(bo, 'so after a reload', (one) => one.id === id && one.deleted && !one.text.includes('meeting'), 15_000);
  await close(ana, bo);
});

test('unread on two devices; read on one, read on both', { timeout: 90_000 }, async () => {
  const channel = await dm('ana', 'bo');
  const desk = await Person.signIn(server, browser, 'bo');
  const phone = await Person.signIn(server, browser, 'bo', { viewport: { width: 390, height: 844 } });
  await goto(desk, '/c/general');
  await goto(phone, '/');
  const badge = (device) =>
    device.page.evaluate((id) => document.querySelector(`[data-testid="dm-item"][data-channel-id="${id}"] .badge`)?.textContent.match(/\d+/)?.[0] ?? '', channel);
  for (const n of [1, 2, 3]) await server.post('ana', `channels/${channel}/messages`, { content: `note ${n}` });
  for (const device of [desk, phone]) await until('three are unread', 10_000, async () => (await badge(device)) === '3');
  await desk.page.bringToFront();
  await goto(desk, `/dm/${channel}`);
  await sees(desk, 'the last', (one) => one.text === 'note 3');
  await until('read on the other device too', 10_000, async () => (await badge(phone)) === '');
  const { channel: seen } = await server.api('bo', `channels/${channel}`);
  assert.deepEqual([seen.unread, seen.readSeq], [0, seen.lastSeq]);
  await close(desk, phone);
});

/** Sockets lead nowhere while the page remembers so; everything else works, as behind a bad proxy. */
function cutSockets() {
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(url, protocols) {
      // Port 9 is where things are discarded; nobody listens.
      super(sessionStorage.getItem('cut') ? 'ws://127.0.0.1:9/' : url, protocols);
      (window.sockets ??= []).push(this);
    }
  };
}

test('what is written offline outlives a reload, and is sent once and in order', { timeout: 120_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana', { prepare: cutSockets, bypassCSP: true });
  const bo = await Person.signIn(server, browser, 'bo');
  for (const person of [ana, bo]) await goto(person, '/c/general');
  await ana.page.bringToFront();
  await ana.page.waitForSelector('[data-testid="composer"]');
  await ana.page.evaluate(() => {
    sessionStorage.setItem('cut', 'yes');
    for (const socket of window.sockets) socket.close();
  });
  await until('ana is told', 20_000, () => ana.page.evaluate(() => document.querySelector('[data-testid="connection-banner"]')?.dataset.state === 'lost'));
  for (const text of ['one from the train', 'two from the train', 'three from the train']) await write(ana, text);
  const pending = () => ana.page.evaluate(() => [...document.querySelectorAll('[data-testid="message-pending"]')].map((row) => row.textContent));
  await until('they wait', 5_000, async () => (await pending()).length === 3);
  await ana.page.reload();
  await until('the page is there, without a connection', 15_000, () => ana.page.evaluate(() => window.__convene && !window.__convene.session.sessionId));
  assert.ok(!(await messages(bo)).some((one) => one.text.includes('train')), 'nothing was sent');
  await ana.page.evaluate(() => sessionStorage.removeItem('cut'));
  const train = async (person) => (await messages(person)).map((one) => one.text).filter((text) => text.includes('train'));
  const expected = ['one from the train', 'two from the train', 'three from the train'];
  await until('bo has them', 40_000, async () => (await train(bo)).length >= 3);
  await until('ana has them', 10_000, async () => (await train(ana)).length >= 3 && (await pending()).length === 0);
  for (const person of [ana, bo]) assert.deepEqual(await train(person), expected);
  const { messages: stored } = await server.api('bo', 'channels/general/messages?limit=20');
  assert.deepEqual(stored.map((one) => one.content).filter((text) => text.includes('train')), expected);
  // Sockets that could not be opened are the one thing the console may complain of.
  ana.errors = ana.errors.filter((line) => !line.includes('127.0.0.1:9'));
  await close(ana, bo);
});

test('a missed call is told, is in the history, and is called back with one click', { timeout: 120_000 }, async () => {
  const channel = await dm('ana', 'bo');
  const ana = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo');
  await goto(ana, `/dm/${channel}`);
  await ana.page.bringToFront();
  await ana.click('call-start-voice');
  await until('it rings', 5_000, () => bo.has('ring-banner'));
  await until('it stops', (RING_S + 5) * 1_000, async () => !(await bo.has('ring-banner')));
  await until('bo is told', 5_000, () => bo.page.evaluate(() => /missed/i.test(document.querySelector('[data-testid="toasts"]').textContent)));
  await until('ana is out of it', 10_000, async () => (await ana.call()).phase === 'idle');
  await until('and told why', 5_000, () => ana.page.evaluate(() => /Nobody answered\./.test(document.querySelector('[data-testid="toasts"]').textContent)));

  await bo.page.bringToFront();
  await bo.click('nav-calls');
  const row = await bo.page.waitForSelector('[data-testid="history-row"][data-state="missed"]', { timeout: 10_000 });
  assert.match(await row.evaluate((node) => node.textContent), /missed/i);
  await (await row.waitForSelector('[data-testid="history-call-back"]')).click();
  await until('it rings at ana', 10_000, () => ana.has('ring-banner'));
  await ana.page.bringToFront();
  await ana.click('ring-accept');
  await ana.connected();
  await bo.connected();
  const heard = async (person) => {
    const before = (await person.received()).find((one) => one.kind === 'audio')?.samples ?? 0;
    await until(`${person.username} hears the other`, 10_000, async () => ((await person.received()).find((one) => one.kind === 'audio')?.samples ?? 0) > before + 24_000);
  };
  await heard(ana);
  await heard(bo);
  await ana.leave();
  await close(ana, bo);
});

test('who is banned is out of the call and of the page, is told so, and comes back only when the ban ends', { timeout: 120_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const cy = await Person.signIn(server, browser, 'cy');
  await ana.join('general', { camera: false });
  await cy.join('general', { camera: false });
  await until('they are in the call', 10_000, async () => (await ana.call()).participants.length === 2);
  const cyId = await userId('cy');
  const token = await server.login('ana');
  const answer = await fetch(`${server.url}/api/v1/admin/bans/${cyId}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ reason: 'a test' }),
  });
  assert.ok(answer.ok, await answer.text());
  await until('cy is out of the call for ana', 5_000, async () => (await ana.call()).participants.length === 1);
  await until('cy is told so', 5_000, () => cy.has('banned'));
  assert.match(await cy.page.evaluate(() => document.body.textContent), /banned.*Reason: a test/);
  await cy.page.click('[data-testid="banned"] button');
  await until('cy is signed out', 5_000, () => cy.has('signin-username'));
  // The page remembers the name.
  await cy.page.type('[data-testid="signin-password"]', 'convene-demo');
  await cy.click('signin-submit');
  await until('cy is told why', 10_000, () => cy.page.evaluate(() => /banned/.test(document.querySelector('[role="alert"]')?.textContent ?? '')));
  assert.equal(await cy.has('signin-username'), true);
  await server.api('ana', `admin/bans/${cyId}`, { method: 'DELETE' });
  await cy.click('signin-submit');
  await until('cy is back', 10_000, async () => !(await cy.has('signin-username')));
  // The refusal itself is an error of the network to the browser.
  cy.errors = cy.errors.filter((line) => !/40[13]/.test(line));
  await close(ana, cy);
});
