// Staying signed in, seeing where, and signing out there and here.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;

before(async () => {
  // Short enough to see one renewed.
  server = await Server.start({ CONVENE_AUTH_TOKEN_TTL: '8s' });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const kept = (page) => page.evaluate(() => ({ token: sessionStorage.getItem('convene.token'), refresh: sessionStorage.getItem('convene.refresh') }));
const phase = (page) => page.evaluate(() => window.__convene.session.phase);
const me = async (token) => (await fetch(`${server.url}/api/v1/users/me`, { headers: { authorization: `Bearer ${token}` } })).status;

async function openList(person) {
  if (!(await person.page.$('[data-testid="open-sign-ins"]'))) await person.click('me-menu');
  await person.click('open-sign-ins');
  await person.page.waitForSelector('[data-testid="sign-in-item"]');
  return person.page.$$eval('[data-testid="sign-in-item"]', (items) => items.map((item) => item.dataset.current));
}

test('a page refreshes its token, and a copy of it leaves the session alone', { timeout: 90_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const before = await kept(ana.page);
  assert.ok(before.refresh);
  // The copy has everything the tab has, as a duplicated tab does.
  const copy = await ana.page.browserContext().newPage();
  await copy.goto(server.url);
  await copy.evaluate((all) => Object.entries(all).forEach(([key, value]) => sessionStorage.setItem(key, value)), await ana.page.evaluate(() => ({ ...sessionStorage })));
  await copy.reload();
  await until('the copy is signed in', 10_000, async () => (await phase(copy).catch(() => '')) === 'ready');
  await until('the copy has given the refresh token up', 10_000, async () => (await kept(copy)).refresh === null);
  await until('the page has used it', 20_000, async () => {
    const now = await kept(ana.page);
    return now.refresh !== before.refresh && now.token !== before.token;
  });
  await until('the copy has renewed its own', 20_000, async () => (await kept(copy)).token !== before.token);
  const second = await kept(ana.page);
  await until('it goes on', 20_000, async () => (await kept(ana.page)).refresh !== second.refresh);
  assert.deepEqual([await phase(ana.page), await phase(copy)], ['ready', 'ready']);
  // Loaded again it is the same tab: the refresh token stays with it.
  await copy.close();
  await ana.page.reload();
  await until('the page is back', 10_000, async () => (await phase(ana.page).catch(() => '')) === 'ready');
  const third = await kept(ana.page);
  await until('and refreshes on', 20_000, async () => ![null, third.refresh].includes((await kept(ana.page)).refresh));
  await ana.page.browserContext().close();
});

test('a sign-in elsewhere is ended from the list, and signing out ends the own one', { timeout: 60_000 }, async () => {
  const [desk, phone] = [await Person.signIn(server, browser, 'bo'), await Person.signIn(server, browser, 'bo')];
  assert.deepEqual((await openList(desk)).sort(), ['false', 'true']);
  const stolen = await kept(phone.page);
  await desk.page.click('[data-testid="sign-in-item"][data-current="false"] [data-testid="sign-in-end"]');
  await phone.page.waitForSelector('[data-testid="signin-username"]', { timeout: 5_000 });
  assert.deepEqual(await kept(phone.page), { token: null, refresh: null });
  assert.equal(await me(stolen.token), 401);
  await until('the list knows', 5_000, async () => (await desk.page.$$('[data-testid="sign-in-item"]')).length === 1);
  const own = await kept(desk.page);
  assert.equal(await me(own.token), 200);
  await desk.page.click('[data-testid="sign-in-item"][data-current="true"] [data-testid="sign-in-end"]');
  await desk.page.waitForSelector('[data-testid="signin-username"]', { timeout: 5_000 });
  await until('the server knows too', 5_000, async () => (await me(own.token)) === 401);
  for (const person of [desk, phone]) await person.page.browserContext().close();
});
