// What was said is found again, as it is now, and one click goes there.
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

/** What the dialog shows: text and marked words of each hit. */
const hits = (person) =>
  person.page.evaluate(() =>
    [...document.querySelectorAll('[data-testid="search-hit"]')].map((hit) => ({
      id: hit.dataset.hitId,
      text: hit.querySelector('.search-hit-text').textContent,
      marked: [...hit.querySelectorAll('mark')].map((mark) => mark.textContent),
    })),
  );

async function type(person, text) {
  await person.page.click('[data-testid="search-field"]', { count: 3 });
  await person.page.keyboard.type(text);
}

async function openSearch(person) {
  await person.page.keyboard.down('Control');
  await person.page.keyboard.press('KeyK');
  await person.page.keyboard.up('Control');
  await person.page.waitForSelector('[data-testid="search-field"]', { timeout: 5_000 });
}

/** Indexing follows the message by a moment; the page asks again only when something is typed. */
const indexed = (q, count) => until(`${count} hits for ${q}`, 5_000, async () => (await api('ana', `search?q=${encodeURIComponent(q)}`)).hits.length === count);

test('a message is found by the text it has now, and no more when it is deleted', { timeout: 90_000 }, async () => {
  const { message } = await post('ana', 'channels/general/messages', { content: 'The café opens at noon <b>sharp</b>' });
  await indexed('cafe', 1);
  const bo = await Person.signIn(server, browser, 'bo');
  await goto(bo, '/c/general');
  await openSearch(bo);
  await type(bo, 'CAFE sha');
  await until('bo finds it', 5_000, async () => (await hits(bo)).length === 1);
  assert.deepEqual(await hits(bo), [{ id: message.id, text: 'The café opens at noon <b>sharp</b>', marked: ['café', 'sharp'] }]);
  // The same words in a phrase stand nowhere.
  await type(bo, '"cafe sharp"');
  await until('there is none', 5_000, async () => (await hits(bo)).length === 0);
  await api('ana', `messages/${message.id}`, { method: 'PATCH', body: JSON.stringify({ content: 'The bakery opens at noon' }) });
  await indexed('bakery', 1);
  await indexed('cafe', 0);
  await type(bo, 'noon bak');
  await until('bo finds the new text', 5_000, async () => (await hits(bo))[0]?.text === 'The bakery opens at noon');
  await type(bo, 'cafe');
  await until('the old text finds nothing', 5_000, async () => (await hits(bo)).length === 0);
  await api('ana', `messages/${message.id}`, { method: 'DELETE' });
  await type(bo, 'noon');
  await until('bo sees that there is nothing', 5_000, () => bo.page.evaluate(() => document.querySelector('[data-testid="search"]').textContent.includes('Nothing found')));
  // Somebody's name leads to them.
  await type(bo, '@an');
  await bo.page.waitForSelector('[data-testid="search-person"]', { timeout: 5_000 });
  await bo.page.keyboard.press('Enter');
  await until('the conversation opens', 5_000, () => bo.page.evaluate(() => location.pathname.startsWith('/dm/')));
  assert.deepEqual(bo.errors, []);
  await bo.page.browserContext().close();
});

test('a click goes to the message, far back in a channel that is not open', { timeout: 90_000 }, async () => {
  const users = (await api('ana', 'users')).users;
  const bo = users.find((user) => user.username === 'bo').id;
  const { channel } = await post('ana', 'channels', { type: 'group', name: 'Archive', participants: [bo], private: true });
  const { message } = await post('ana', `channels/${channel.id}/messages`, { content: 'the needle lies here' });
  // Two pages of hay.
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${await server.login('ana')}` };
  for (let n = 0; n < 110; n++) {
    const body = JSON.stringify({ content: `hay ${n}` });
    const sent = await fetch(`${server.url}/api/v1/channels/${channel.id}/messages`, { method: 'POST', headers, body });
    assert.equal(sent.status, 201);
  }
  await indexed('needle', 1);
  const other = await Person.signIn(server, browser, 'bo');
  await goto(other, '/c/general');
  await openSearch(other);
  await type(other, 'needle');
  await until('bo finds it', 5_000, async () => (await hits(other)).length === 1);
  await other.click('search-hit');
  const row = await other.page.waitForSelector(`[data-message-id="${message.id}"][data-marked="true"]`, { timeout: 10_000 });
  await until('it is in view', 5_000, () => row.isIntersectingViewport());
  assert.equal(await other.page.evaluate(() => document.querySelector('[data-testid="channel-view"]').dataset.channelId), channel.id);
  assert.equal(await other.has('search'), false);
  // From there it goes on to the present.
  await other.click('jump');
  await until('the newest is there', 10_000, () => other.page.evaluate(() => document.querySelector('[data-testid="messages"]').textContent.includes('hay 109')));
  assert.deepEqual(other.errors, []);
  await other.page.browserContext().close();
});

test('a click on a reply opens its thread, beside the root', { timeout: 90_000 }, async () => {
  const { message } = await post('ana', 'channels/general/messages', { content: 'where is the stapler?' });
  const { message: reply } = await post('ana', 'channels/general/messages', { content: 'under the zebra poster', threadId: message.id });
  await indexed('zebra', 1);
  const bo = await Person.signIn(server, browser, 'bo');
  await openSearch(bo);
  await type(bo, 'zebra');
  await until('bo finds it', 5_000, async () => (await hits(bo)).length === 1);
  await bo.click('search-hit');
  const row = await bo.page.waitForSelector(`[data-testid="thread-panel"] [data-message-id="${reply.id}"][data-marked="true"]`, { timeout: 10_000 });
  await until('it is in view', 5_000, () => row.isIntersectingViewport());
  assert.ok(await bo.page.$(`[data-testid="messages"] [data-message-id="${message.id}"]`), 'the root is beside it');
  assert.deepEqual(bo.errors, []);
  await bo.page.browserContext().close();
});
