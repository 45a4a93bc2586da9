// Two switches of what others learn of me: kept with the account, the same on all devices.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const openMenu = async (person) => {
  if (!(await person.page.$('[data-testid="read-receipts"]'))) await person.click('me-menu');
  await person.page.waitForSelector('[data-testid="read-receipts"]');
};
const switches = (person) =>
  person.page.$$eval('[data-testid="read-receipts"], [data-testid="last-seen"]', (all) => all.map((one) => one.checked));

test('what I show of myself is the same on all my devices and after a reload', { timeout: 60_000 }, async () => {
  const [desk, phone] = [await Person.signIn(server, browser, 'ana'), await Person.signIn(server, browser, 'ana')];
  for (const one of [desk, phone]) {
    await openMenu(one);
    assert.deepEqual(await switches(one), [true, true], 'shown unless one says else');
  }
  await desk.click('read-receipts');
  await until('the other device knows', 5_000, async () => (await switches(phone)).join() === 'false,true');
  await phone.click('last-seen');
  await until('both know both', 5_000, async () => (await switches(desk)).join() === 'false,false');
  await desk.page.reload();
  await until('the page is back', 10_000, async () => desk.page.evaluate(() => window.__convene.session.phase === 'ready').catch(() => false));
  await openMenu(desk);
  assert.deepEqual(await switches(desk), [false, false]);
  await desk.click('read-receipts');
  await until('on again', 5_000, async () => (await switches(phone)).join() === 'true,false');
  for (const one of [desk, phone]) await one.page.browserContext().close();
});
