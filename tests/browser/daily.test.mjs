// Daily chat by the steps of its journey, in their order: open the app, the last channel from the cache, the line above
// what is new, read, answer in a thread with one click, Escape, and on to the next one that has something unread.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { holding } from './lib/hold.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

const CHANNELS = 10;
const NEWS = 6;
const OPEN_MS = 300;
const OPENS = 15;

let server;
let browser;
let ana;
const channels = [];

const id = (name) => `[data-testid="${name}"]`;
const at = () => ana.page.evaluate(() => document.querySelector('[data-testid="channel-view"]')?.dataset.channelId);
const unread = async (channel) => (await server.api('ana', `channels/${channel}`)).channel.unread;
const unreadItems = () => ana.page.evaluate(() => document.querySelectorAll('[data-testid="channel-item"][data-unread="true"]').length);
const lines = () => ana.page.evaluate(() => document.querySelectorAll('.divider-new').length);
const composer = () => ana.page.evaluate(() => document.activeElement?.dataset.composer ?? '');
const pressed = () => ana.page.evaluate(() => window.pressed);

async function press(...keys) {
  for (const key of keys.slice(0, -1)) await ana.page.keyboard.down(key);
  await ana.page.keyboard.press(keys.at(-1));
  for (const key of keys.slice(0, -1).reverse()) await ana.page.keyboard.up(key);
}

/** Runs in the page: how often somebody pressed a mouse or a finger, and when the first message was painted. */
function watch() {
  window.pressed = 0;
  addEventListener('pointerdown', () => window.pressed++, true);
  const look = () => {
    if (document.querySelector('[data-testid="messages"] [data-testid="message"]')) requestAnimationFrame((now) => (window.firstRowAt = now));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
  const { users } = await server.api('ana', 'users');
  const bo = users.find((user) => user.username === 'bo').id;
  for (let n = 0; n < CHANNELS; n++) {
    const { channel } = await server.post('ana', 'channels', { type: 'group', name: `Team ${n}`, participants: [bo], private: true });
    await server.post('bo', `channels/${channel.id}/messages`, { content: `before ${n}` });
    channels.push(channel.id);
  }
  // Yesterday: everything was read, and the first channel was the last one.
  ana = await Person.signIn(server, browser, 'ana', { before: holding('session:hello') });
  for (const channel of channels) await server.post('ana', `channels/${channel}/read`, { all: true });
  await goto(ana, `/c/${channels[0]}`);
  await ana.page.waitForSelector(`${id('messages')} ${id('message')}`);
  await until('all of it is read', 10_000, async () => (await unreadItems()) === 0);
  const kept = () =>
    ana.page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const open = indexedDB.open('convene-tail');
          open.onerror = () => reject(open.error);
          open.onsuccess = () => {
            const rows = open.result.transaction('tails').objectStore('tails').getAll();
            rows.onsuccess = () => {
              resolve(rows.result[0]?.channelId);
              open.result.close();
            };
          };
        }),
    );
  await until('the channel is kept', 10_000, async () => (await kept()) === channels[0]);
  await ana.page.goto('about:blank');
  for (const [n, channel] of channels.entries()) {
    const count = n === 0 ? NEWS : 2;
    for (let m = 1; m <= count; m++) await server.post('bo', `channels/${channel}/messages`, { content: `news ${m} in ${n}` });
  }
}, { timeout: 90_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
});

test('J3: open, read from the line on, answer with one click, Escape, and on until nothing is unread', { timeout: 90_000 }, async () => {
  const { page } = ana;
  // The app is opened, not a channel of it; the server says nothing yet.
  await page.evaluateOnNewDocument(() => (window.holding = true));
  await page.evaluateOnNewDocument(watch);
  // Others on the machine only add to it: the least of several is what the page itself needs.
  const times = [];
  while (times.length < 3 || (times.length < OPENS && Math.min(...times) > OPEN_MS)) {
    await page.goto(server.url);
    times.push(await until('the last channel is painted', 10_000, () => page.evaluate(() => window.firstRowAt)));
  }
  console.log(`from the cache in ${times.map(Math.round).join(', ')} ms`);
  assert.ok(Math.min(...times) <= OPEN_MS, `${times} ms`);
  assert.deepEqual([await at(), await lines(), await page.evaluate(() => window.__convene.session.phase)], [channels[0], 0, 'connecting']);

  await page.evaluate(() => window.letGo());
  await until('the line is there', 10_000, async () => (await lines()) === 1);
  const view = () =>
    page.evaluate(() => {
      const room = document.querySelector('[data-testid="messages"]').getBoundingClientRect();
      const seen = (one) => {
        const box = one.getBoundingClientRect();
        return box.bottom > room.top && box.top < room.bottom;
      };
      const rows = [...document.querySelectorAll('[data-testid="messages"] [data-testid="message"]')];
      return { line: seen(document.querySelector('.divider-new')), texts: rows.filter(seen).map((row) => row.querySelector('.message-text')?.textContent) };
    });
  await until('the line is in sight, with all of the news below it', 5_000, async () => {
    const now = await view();
    return (now.line && [1, NEWS].every((m) => now.texts.includes(`news ${m} in 0`))) || Promise.reject(new Error(JSON.stringify(now)));
  });
  // Its end was looked at for a second.
  await until('it is read', 5_000, async () => (await unread(channels[0])) === 0);
  assert.equal(await lines(), 1, 'the line stays');
  // From here on nothing is read by being looked at: what is, Escape has done.
  await page.evaluate(() => (document.hasFocus = () => false));
  await server.post('bo', `channels/${channels[0]}/messages`, { content: 'one more' });
  await until('it is there', 5_000, async () => (await view()).texts.includes('one more'));
  await measureFor(1_500, async () => assert.equal(await unread(channels[0]), 1));

  const row = await page.evaluateHandle(() => [...document.querySelectorAll('[data-testid="messages"] [data-testid="message"]')].find((one) => one.querySelector('.message-text')?.textContent === 'news 1 in 0'));
  await row.hover();
  assert.equal(await pressed(), 0);
  await (await row.waitForSelector(id('message-reply'))).click();
  await until('the thread can be written to', 5_000, () => page.evaluate(() => document.activeElement?.dataset.testid === 'thread-composer'));
  assert.equal(await pressed(), 1, 'one click');
  await page.keyboard.type('the answer');
  await press('Enter');
  const root = await row.evaluate((one) => one.dataset.messageId);
  await until('it is in the thread', 5_000, async () => (await server.api('ana', `channels/${channels[0]}/messages?threadId=${root}`)).messages.some((one) => one.content === 'the answer'));

  await press('Escape');
  await until('the thread is closed, and the channel can be written to', 5_000, async () => !(await ana.has('thread-panel')) && (await composer()) === channels[0]);
  assert.equal(await unread(channels[0]), 1, 'closing is not reading');
  await press('Escape');
  await until('it is read', 5_000, async () => (await unread(channels[0])) === 0);
  assert.equal(await lines(), 1, 'the line stays until one leaves');
  await until('it is said', 5_000, () => page.evaluate(() => /Marked as read: Team 0/.test(document.querySelector('[data-testid="announcer"]').textContent)));

  const seen = new Set([channels[0]]);
  for (let n = 1; n < CHANNELS; n++) {
    const before = await at();
    await press('Alt', 'Shift', 'ArrowDown');
    const here = await until('the next one is open', 5_000, async () => ((await at()) !== before ? at() : null));
    await until('what is new in it is there', 5_000, () => page.evaluate(() => [...document.querySelectorAll('[data-testid="messages"] .message-text')].some((one) => one.textContent.startsWith('news 2'))));
    assert.equal(await lines(), 1);
    await press('Escape');
    await until('it is read', 5_000, async () => (await unread(here)) === 0);
    seen.add(here);
  }
  assert.deepEqual([...seen].toSorted(), channels.toSorted(), 'each of them once');
  await until('nothing is unread', 3_000, async () => (await unreadItems()) === 0);
  const last = await at();
  await press('Alt', 'Shift', 'ArrowDown');
  assert.equal(await at(), last, 'there is no next one');
  assert.equal(await pressed(), 1, 'one click in all');
  assert.deepEqual(ana.errors, []);
});
