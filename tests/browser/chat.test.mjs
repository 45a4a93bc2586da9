// What people do with messages that are there: react, pin, find again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const api = (...request) => server.api(...request);
const post = (...request) => server.post(...request);

/** Clicks inside the row of a message, which shows its actions while the pointer is over it. */
async function clickIn(person, messageId, selector) {
  const row = await person.page.waitForSelector(`[data-message-id="${messageId}"]`, { timeout: 10_000 });
  await row.hover();
  const target = await row.waitForSelector(selector, { timeout: 5_000 });
  await target.click();
}

const reactions = (person, messageId) =>
  person.page.evaluate(
    (id) =>
      [...document.querySelectorAll(`[data-message-id="${id}"] [data-testid="reaction"]`)].map((one) => ({
        emoji: one.dataset.emoji,
        count: Number(one.textContent.match(/\d+/)[0]),
        mine: one.getAttribute('aria-pressed') === 'true',
      })),
    messageId,
  );
const shows = (person, messageId, expected) =>
  until(`${person.username} sees ${JSON.stringify(expected)}`, 5_000, async () => JSON.stringify(await reactions(person, messageId)) === JSON.stringify(expected));

test('a reaction is seen by the other, joined, taken back, and there after a reload', { timeout: 90_000 }, async () => {
  const { message } = await post('ana', 'channels/general/messages', { content: 'lunch at noon?' });
  const ana = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo');
  await goto(ana, '/c/general');
  await goto(bo, '/c/general');
  await clickIn(bo, message.id, '[data-testid="message-react"]');
  await clickIn(bo, message.id, '[data-testid="emoji"][data-emoji="👍"]');
  await shows(ana, message.id, [{ emoji: '👍', count: 1, mine: false }]);
  await shows(bo, message.id, [{ emoji: '👍', count: 1, mine: true }]);
  await clickIn(ana, message.id, '[data-testid="reaction"]');
  await shows(bo, message.id, [{ emoji: '👍', count: 2, mine: true }]);
  await clickIn(bo, message.id, '[data-testid="reaction"]');
  await shows(ana, message.id, [{ emoji: '👍', count: 1, mine: true }]);
  // The text changes, who reacted does not.
  await api('ana', `messages/${message.id}`, { method: 'PATCH', body: JSON.stringify({ content: 'lunch at one?' }) });
  await until('the edit arrives', 5_000, () => ana.page.evaluate(() => document.body.textContent.includes('lunch at one?')));
  await shows(ana, message.id, [{ emoji: '👍', count: 1, mine: true }]);
  await bo.page.reload();
  await shows(bo, message.id, [{ emoji: '👍', count: 1, mine: false }]);
  for (const person of [ana, bo]) {
    assert.deepEqual(person.errors, [], person.username);
    await person.page.browserContext().close();
  }
});

test('a reaction made while somebody was offline is there when they come back', { timeout: 90_000 }, async () => {
  const { message } = await post('ana', 'channels/general/messages', { content: 'who is in?' });
  const bo = await Person.signIn(server, browser, 'bo');
  await goto(bo, '/c/general');
  await bo.page.waitForSelector(`[data-message-id="${message.id}"]`, { timeout: 10_000 });
  await server.kill9();
  await until('bo is told', 15_000, () => bo.page.evaluate(() => document.querySelector('[data-testid="connection-banner"]')?.dataset.state === 'lost'));
  await server.launch();
  await api('ana', `messages/${message.id}/reactions/${encodeURIComponent('🎉')}`, { method: 'PUT' });
  await until('bo sees it', 40_000, async () => (await reactions(bo, message.id)).some((one) => one.emoji === '🎉' && one.count === 1));
  await bo.page.browserContext().close();
});

test('what is pinned is found by everybody, and only owners pin', { timeout: 90_000 }, async () => {
  const users = (await api('ana', 'users')).users;
  const bo = users.find((user) => user.username === 'bo').id;
  const { channel } = await post('ana', 'channels', { type: 'group', name: 'Plans', participants: [bo], private: true });
  const { message } = await post('bo', `channels/${channel.id}/messages`, { content: 'the door code is on the fridge' });
  const ana = await Person.signIn(server, browser, 'ana');
  const other = await Person.signIn(server, browser, 'bo');
  await goto(ana, `/c/${channel.id}`);
  await goto(other, `/c/${channel.id}`);
  await other.page.waitForSelector(`[data-message-id="${message.id}"]`, { timeout: 10_000 });
  assert.equal(await other.page.$(`[data-message-id="${message.id}"] [data-testid="message-pin"]`), null, 'a member may not pin');
  await clickIn(ana, message.id, '[data-testid="message-pin"]');
  await other.page.waitForSelector(`[data-message-id="${message.id}"] [data-testid="message-pinned"]`, { timeout: 5_000 });
  await other.click('pins-open');
  await until('bo finds it', 5_000, () => other.page.evaluate(() => document.querySelector('[data-testid="pin"]')?.textContent.includes('the door code')));
  // The list stays right while it is open.
  await api('ana', `channels/${channel.id}/pins/${message.id}`, { method: 'DELETE' });
  await until('the list is empty', 5_000, () => other.page.evaluate(() => document.querySelector('[data-testid="pins"]') && !document.querySelector('[data-testid="pin"]')));
  await other.page.waitForFunction((id) => !document.querySelector(`[data-message-id="${id}"] [data-testid="message-pinned"]`), { timeout: 5_000 }, message.id);
  for (const person of [ana, other]) {
    assert.deepEqual(person.errors, [], person.username);
    await person.page.browserContext().close();
  }
});

const text = (person, selector) => person.page.evaluate((at) => document.querySelector(at)?.textContent ?? '', selector);
const texts = (person, list) =>
  person.page.evaluate((at) => [...document.querySelectorAll(`[data-testid="${at}"] [data-testid="message"]`)].map((one) => one.querySelector('.message-text, .message-deleted').textContent), list);

test('a thread: asked, answered in it, unread on two devices until it is read on one, live beside its channel', { timeout: 120_000 }, async () => {
  const { message } = await post('ana', 'channels/general/messages', { content: 'who has the key?' });
  const ana = await Person.signIn(server, browser, 'ana');
  const phone = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo');
  for (const person of [ana, phone, bo]) await goto(person, '/c/general');
  await clickIn(bo, message.id, '[data-testid="message-reply"]');
  await bo.page.waitForSelector('[data-testid="thread-panel"]');
  await bo.page.type('[data-testid="thread-composer"]', 'me, second floor');
  await bo.page.keyboard.press('Enter');
  await until('bo sees the reply in the thread', 5_000, async () => (await texts(bo, 'thread-messages')).join() === 'who has the key?,me, second floor');
  // The channel says that there is a thread, and does not show the reply itself.
  for (const person of [ana, phone, bo]) {
    await until(`${person.username} sees one reply`, 5_000, async () => (await text(person, `[data-message-id="${message.id}"] [data-testid="thread-open"]`)).startsWith('1 reply'));
    assert.ok(!(await texts(person, 'messages')).includes('me, second floor'));
  }
  for (const device of [ana, phone]) {
    await until('ana has a thread with something new', 5_000, async () => (await text(device, '[data-testid="threads-unread"]')) === '1');
  }
  assert.equal(await bo.has('threads-unread'), false, 'who wrote it has read it');

  await ana.page.bringToFront();
  await ana.click('threads-open');
  await ana.click('thread-row');
  await until('ana reads it', 10_000, async () => (await texts(ana, 'thread-messages')).includes('me, second floor'));
  for (const device of [ana, phone]) {
    await until('read on one device, read on both', 10_000, async () => !(await device.has('threads-unread')));
  }
  await ana.page.type('[data-testid="thread-composer"]', 'thanks!');
  await ana.page.keyboard.press('Enter');
  await until('bo hears the answer', 5_000, async () => (await texts(bo, 'thread-messages')).at(-1) === 'thanks!');
  await until('two replies', 5_000, async () => (await text(phone, '[data-testid="thread-open"]')).startsWith('2 replies'));
  // In the channel again, after a reload too.
  await bo.page.reload();
  await clickIn(bo, message.id, '[data-testid="thread-open"]');
  await until('the thread is there', 10_000, async () => (await texts(bo, 'thread-messages')).join('|') === 'who has the key?|me, second floor|thanks!');
  await bo.click('thread-close');
  assert.equal(await bo.has('thread-panel'), false);
  for (const person of [ana, phone, bo]) {
    assert.deepEqual(person.errors, [], person.username);
    await person.page.browserContext().close();
  }
});
