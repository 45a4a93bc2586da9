// A message is sent in its time, or not at all; and its author sees who has read it.
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

const id = (name) => `[data-testid="${name}"]`;

/** Texts of the messages that are shown. */
const texts = (person) => person.page.$$eval(`${id('message')} .message-text`, (rows) => rows.map((row) => row.textContent));

const count = (person, name) => person.page.$$eval(id(name), (found) => found.length);

/** Fills the field for date and time with a time so many seconds ahead, to the second. */
const pick = (person, seconds) =>
  person.page.$eval(
    id('later-when'),
    (field, ahead) => {
      const at = new Date(Date.now() + ahead * 1000);
      const two = (n) => String(n).padStart(2, '0');
      field.value = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    },
    seconds,
  );

async function write(person, text) {
  await person.page.click(id('composer'));
  await person.page.keyboard.type(text);
  await person.click('later-open');
  await person.page.waitForSelector(id('later-form'), { timeout: 5_000 });
}

const closed = (person) => until('the dialog is closed', 5_000, async () => !(await person.has('later')));

test('one is sent in its time, one is changed, one is cancelled', { timeout: 90_000 }, async () => {
  const [ana, bo] = [await Person.signIn(server, browser, 'ana'), await Person.signIn(server, browser, 'bo')];
  for (const person of [ana, bo]) await goto(person, '/c/general');
  await ana.page.waitForSelector(id('composer'), { timeout: 5_000 });
  assert.equal(await ana.page.$eval(id('later-open'), (button) => button.disabled), true, 'nothing to send');

  await write(ana, 'soon');
  await ana.click('later-submit');
  await until('a time is asked for', 5_000, () => ana.page.$eval(`${id('later-form')} [role="alert"]`, (note) => note.textContent !== ''));
  await pick(ana, -60);
  await ana.click('later-submit');
  await until('not in the past', 5_000, () => ana.page.$eval(`${id('later-form')} [role="alert"]`, (note) => note.textContent.includes('future')));
  await pick(ana, 6);
  await ana.click('later-submit');
  await closed(ana);
  assert.equal(await ana.page.$eval(id('composer'), (field) => field.value), '', 'the draft is gone');
  await ana.page.waitForSelector(id('later-line'), { timeout: 5_000 });
  assert.deepEqual(await texts(bo), [], 'not yet');

  await write(ana, 'never');
  await ana.click('later-monday');
  await ana.click('later-submit');
  await closed(ana);
  await write(ana, 'old text');
  await ana.click('later-hour');
  await ana.click('later-submit');
  await closed(ana);

  await until('bo sees it', 15_000, async () => (await texts(bo)).includes('soon'));
  await until('it waits no more', 5_000, () => ana.page.$eval(id('later-line'), (line) => line.textContent.includes('2 scheduled messages')));

  await ana.click('later-line');
  await until('two wait', 5_000, async () => (await count(ana, 'later-row')) === 2);
  // In the order of their times: first the one in an hour.
  await ana.click('later-edit');
  await ana.page.click(id('later-text'), { count: 3 });
  await ana.page.keyboard.type('new text');
  await pick(ana, 5);
  await ana.click('later-submit');
  await until('bo sees the new text', 15_000, async () => (await texts(bo)).includes('new text'));
  await until('one waits', 5_000, async () => (await count(ana, 'later-row')) === 1);
  await ana.click('later-cancel');
  await until('none waits', 5_000, async () => (await count(ana, 'later-row')) === 0);
  assert.deepEqual((await server.api('ana', 'schedules')).scheduled, []);
  await ana.page.keyboard.press('Escape');
  await until('the line is gone', 5_000, async () => !(await ana.has('later-line')));
  assert.deepEqual(await texts(bo), ['soon', 'new text']);
  for (const person of [ana, bo]) {
    assert.deepEqual(person.errors, []);
    await person.page.browserContext().close();
  }
});

test('what failed is told with its reason, and one sees who has read', { timeout: 90_000 }, async () => {
  const users = (await server.api('ana', 'users')).users;
  const userId = (name) => users.find((user) => user.username === name).id;
  const { channel } = await server.post('ana', 'channels', { type: 'group', name: 'Team', participants: [userId('bo')], private: true });
  const bo = await Person.signIn(server, browser, 'bo');
  await goto(bo, `/c/${channel.id}`);
  await bo.page.waitForSelector(id('composer'), { timeout: 5_000 });
  await write(bo, 'too late');
  await pick(bo, 5);
  await bo.click('later-submit');
  await closed(bo);
  await server.api('ana', `channels/${channel.id}`, { method: 'PATCH', body: JSON.stringify({ readOnly: true }) });
  await until('it says so', 15_000, () => bo.page.$eval(id('later-line'), (line) => line.textContent.includes('was not sent')));
  await bo.click('later-line');
  await until('and why', 5_000, () => bo.page.$eval(`${id('later-row')}[data-state="failed"]`, (row) => row.textContent.includes('only hosts')));
  await bo.click('later-cancel');
  await until('it is gone', 5_000, async () => (await count(bo, 'later-row')) === 0);
  await bo.page.keyboard.press('Escape');

  const ana = await Person.signIn(server, browser, 'ana');
  await goto(ana, `/c/${channel.id}`);
  const { message } = await server.post('ana', `channels/${channel.id}/messages`, { content: 'read this' });
  const row = `[data-message-id="${message.id}"]`;
  await until('bo has read it', 10_000, async () => (await server.api('ana', `messages/${message.id}/receipts`)).count === 1);
  await ana.page.waitForSelector(row, { timeout: 5_000 });
  await ana.page.hover(row);
  await ana.page.click(`${row} ${id('message-seen')}`);
  await until('bo is named', 5_000, async () => (await count(ana, 'seen-row')) === 1);
  assert.match(await ana.page.$eval(id('seen'), (dialog) => dialog.textContent), /1 person has read/);
  for (const person of [ana, bo]) {
    assert.deepEqual(person.errors, []);
    await person.page.browserContext().close();
  }
});
