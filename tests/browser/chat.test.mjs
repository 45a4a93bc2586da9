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

async function api(username, path, init = {}) {
  const response = await fetch(`${server.url}/api/v1/${path}`, {
    ...init,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await server.login(username)}` },
  });
  assert.ok(response.ok, `${init.method ?? 'GET'} ${path}: ${response.status}`);
  return (await response.json()).data;
}
const post = (username, path, body) => api(username, path, { method: 'POST', body: JSON.stringify(body) });

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
