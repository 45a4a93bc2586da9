// Whoever has only a link, or its code, and stands before the sign-in: one button, one field, and the door.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { accessible } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { textOf } from './lib/lab.mjs';
import { lookAround } from './lib/look.mjs';
import { OUT, Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;
let code;

const id = (name) => `[data-testid="${name}"]`;

before(async () => {
  await mkdir(OUT, { recursive: true });
  server = await Server.start();
  browser = await launchChromium();
  const { channel } = await server.post('ana', 'channels', { type: 'group', name: 'Design review', participants: [] });
  ({ code } = await server.post('ana', `channels/${channel.id}/invites`, {}));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The sign-in as a stranger finds it, with the field open. */
async function signIn(t, query = '') {
  const context = await browser.createBrowserContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${server.url}/${query}`);
  await page.waitForSelector(id('signin-username'));
  return { page, errors };
}

const focus = (page) => page.evaluate(() => document.activeElement?.dataset.testid ?? '');

async function enter(page, text) {
  const field = await page.waitForSelector(id('meeting-link-field'), { visible: true });
  await field.click({ count: 3 });
  if (text) await field.type(text);
  else await page.keyboard.press('Backspace');
  await page.keyboard.press('Enter');
}
const problem = (page) => textOf(page, 'meeting-link-problem');
const told = (page, pattern) => until(`it is said: ${pattern}`, 3_000, async () => pattern.test(await problem(page)) || Promise.reject(new Error(await problem(page))));

test('a link, half a link or its code opens the door; anything else is told in a sentence', { timeout: 60_000 }, async (t) => {
  const { page, errors } = await signIn(t);
  const before = await page.$eval(id('signin-submit'), (one) => one.getBoundingClientRect().top);
  const button = await page.waitForSelector(id('meeting-link'));
  assert.equal(await button.evaluate((one) => one.textContent), 'I have a meeting link');
  assert.equal(await page.$eval(id('signin-submit'), (one) => one.getBoundingClientRect().top), before, 'nothing moved when it came');
  assert.deepEqual([await button.evaluate((one) => one.getAttribute('aria-expanded')), await focus(page)], ['false', 'signin-username'], 'who signs in is not held up');
  await button.click();
  await until('the field has the focus', 3_000, async () => (await focus(page)) === 'meeting-link-field');

  const { host } = new URL(server.url);
  await enter(page, '');
  await told(page, /^Paste the link that you were sent, or only its code\.$/);
  for (const nonsense of ['tomorrow at ten', code.slice(1), `${server.url}/c/general`]) {
    await enter(page, nonsense);
    await told(page, new RegExp(`^This is not a meeting link\\. One looks like ${host}/j/…, and ends with a code of 22 characters\\.$`));
  }
  await enter(page, `https://meet.example.org/j/${code}`);
  await told(page, /^This link leads to meet\.example\.org, not to this server\. Paste it into the address bar of your browser\.$/);
  const field = await page.$eval(id('meeting-link-field'), (one) => [one.getAttribute('aria-invalid'), document.getElementById(one.getAttribute('aria-describedby'))?.dataset.testid, one.ownerDocument.activeElement === one]);
  assert.deepEqual(field, ['true', 'meeting-link-problem', true], 'the field says so, and can be typed into again');
  await accessible(page, 'the sign-in with a link that leads elsewhere');
  await lookAround(page, 'meeting-link');
  assert.equal(new URL(page.url()).pathname, '/');

  for (const way of [`${server.url}/j/${code}`, code, `Join us: <${host}/j/${code}>.`]) {
    await enter(page, way);
    await page.waitForSelector(id('guest-lobby'), { timeout: 5_000 });
    assert.equal(new URL(page.url()).pathname, `/j/${code}`);
    assert.match(await page.$eval(id('guest-lobby'), (one) => one.textContent), /Design review/);
    await until('the name can be typed', 3_000, () => page.evaluate(() => document.activeElement?.name === 'name'));
    await page.goBack();
    await page.waitForSelector(id('signin-username'), { timeout: 5_000 });
    await (await page.waitForSelector(id('meeting-link'))).click();
  }

  // One that never was: the door says so, and the way back is there.
  await enter(page, 'A'.repeat(22));
  await page.waitForSelector(id('guest-failed'), { timeout: 5_000 });
  assert.match(await textOf(page, 'guest-failed'), /There is no such link/);
  await page.click(id('guest-action'));
  await page.waitForSelector(id('signin-username'), { timeout: 5_000 });
  // Signing in for that link was the plan; another link changes it.
  await (await page.waitForSelector(id('meeting-link'))).click();
  await enter(page, code);
  await page.waitForSelector(id('guest-lobby'), { timeout: 5_000 });
  assert.deepEqual(errors, []);
});

test('by keys alone, and in German', { timeout: 30_000 }, async (t) => {
  const { page, errors } = await signIn(t, '?lang=de');
  await page.waitForSelector(id('meeting-link'));
  await until('the button has the focus', 5_000, async () => {
    if ((await focus(page)) === 'meeting-link') return true;
    await page.keyboard.press('Tab');
    return false;
  });
  assert.equal(await textOf(page, 'meeting-link'), 'Ich habe einen Besprechungslink');
  await page.keyboard.press('Enter');
  await until('the field has the focus', 3_000, async () => (await focus(page)) === 'meeting-link-field');
  await page.keyboard.press('Enter');
  await told(page, /^Füge den Link ein, den du bekommen hast, oder nur seinen Code\.$/);
  await page.keyboard.type('morgen');
  await page.keyboard.press('Enter');
  await told(page, /^Das ist kein Besprechungslink\. .* endet mit einem Code aus 22 Zeichen\.$/);
  await accessible(page, 'the same in German');
  await page.keyboard.down('Control');
  await page.keyboard.press('KeyA');
  await page.keyboard.up('Control');
  await page.keyboard.type(`${server.url}/j/${code}`);
  await page.keyboard.press('Enter');
  await page.waitForSelector(id('guest-lobby'), { timeout: 5_000 });
  assert.match(await page.$eval(id('guest-lobby'), (one) => one.textContent), /Design review.*Dein Name/s);
  assert.deepEqual(errors, []);
});
