// A message on its way: what it says of itself, what one does with one that failed, and who is asked before many are called.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { holding } from './lib/hold.mjs';
import { goto, Person } from './lib/people.mjs';
import { seedNames } from './lib/seed.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;
let ana;
let direct;

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
  const { users } = await server.api('ana', 'users');
  const idOf = (name) => users.find((user) => user.username === name).id;
  direct = (await server.post('ana', 'dms', { userId: idOf('bo') })).channel.id;
  await server.api('bo', `users/${idOf('ana')}/block`, { method: 'PUT' });
  const general = (await server.api('ana', 'channels/general')).channel;
  await seedNames(server, { channelId: general.id, memberId: idOf('ana'), texts: Array.from({ length: 22 }, (_, n) => `Person ${n}`) });
  ana = await Person.signIn(server, browser, 'ana', { before: holding('message:send') });
}, { timeout: 60_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
});

const pending = () => ana.page.evaluate(() => [...document.querySelectorAll('[data-testid="message-pending"]')].map((row) => ({ state: row.dataset.sending, text: row.querySelector('.message-text').textContent, says: row.textContent })));
const composer = () => ana.page.evaluate(() => document.querySelector('[data-testid="composer"]').value);
const write = async (text) => {
  await ana.page.waitForSelector('[data-testid="composer"]');
  await ana.page.type('[data-testid="composer"]', text);
  await ana.page.keyboard.press('Enter');
};

test('it is there at once, has a clock after 700 ms and waits after ten seconds', { timeout: 30_000 }, async () => {
  await goto(ana, '/c/general');
  await ana.page.waitForSelector('[data-testid="messages"][data-loaded="true"]');
  await ana.page.evaluate(() => (window.holding = true));
  const states = ana.page.evaluate(
    () =>
      new Promise((resolve) => {
        const seen = [];
        const look = () => {
          const state = document.querySelector('[data-testid="message-pending"]')?.dataset.sending;
          if (state && seen.at(-1)?.state !== state) seen.push({ state, at: performance.now() });
          if (state === 'waiting') resolve(seen);
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
  await write('slow one');
  const [fresh, sending, waiting] = await states;
  assert.deepEqual([fresh.state, sending.state, waiting.state], ['fresh', 'sending', 'waiting']);
  assert.ok(sending.at - fresh.at >= 600 && sending.at - fresh.at < 2_000, `clock after ${sending.at - fresh.at} ms`);
  assert.ok(waiting.at - fresh.at >= 9_900 && waiting.at - fresh.at < 12_000, `waits after ${waiting.at - fresh.at} ms`);
  assert.match((await pending())[0].says, /Waiting for connection/);
  await ana.page.evaluate(() => window.letGo());
  await until('it is sent, once', 15_000, async () => (await pending()).length === 0 && (await ana.page.evaluate(() => [...document.querySelectorAll('[data-testid="message"] .message-text')].filter((one) => one.textContent === 'slow one').length)) === 1);
});

test('one that failed keeps its text: sent again, written anew, or thrown away', { timeout: 30_000 }, async () => {
  await goto(ana, `/dm/${direct}`);
  await write('are you there?');
  await until('it failed', 10_000, async () => (await pending())[0]?.state === 'failed');
  assert.equal((await pending())[0].text, 'are you there?');
  await ana.click('pending-retry');
  await until('it failed again', 10_000, async () => (await pending())[0]?.state === 'failed');
  // Away and back, and after a reload: it is still there.
  await ana.page.reload();
  await until('it is there after a reload', 15_000, async () => (await pending())[0]?.state === 'failed');
  await ana.page.type('[data-testid="composer"]', 'meanwhile');
  await ana.click('pending-edit');
  await until('the text is back, before what is there', 5_000, async () => (await composer()) === 'are you there?\nmeanwhile');
  assert.deepEqual(await pending(), []);
  await ana.page.keyboard.press('Enter');
  await until('it failed', 10_000, async () => (await pending())[0]?.state === 'failed');
  await ana.click('pending-discard');
  await until('it is gone', 5_000, async () => (await pending()).length === 0);
});

test('whoever calls more than twenty is asked, and can go back without losing the text', { timeout: 30_000 }, async () => {
  await goto(ana, '/c/general');
  await write('lunch, @here');
  await ana.page.waitForSelector('[data-testid="ask-many"]', { timeout: 5_000 });
  await ana.click('ask-many-back');
  assert.equal(await composer(), 'lunch, @here');
  assert.deepEqual(await pending(), []);
  await ana.page.focus('[data-testid="composer"]');
  await ana.page.keyboard.press('Enter');
  await ana.click('ask-many-send');
  await until('it is sent', 5_000, () => ana.page.evaluate(() => [...document.querySelectorAll('[data-testid="message"] .message-text')].some((one) => one.textContent === 'lunch, @here')));
  assert.equal(await composer(), '');
  await write('no call at all');
  assert.equal(await ana.has('ask-many'), false);
  assert.deepEqual(ana.errors, []);
});
