// The page in another language, from right to left, with longer texts, larger, narrower, and with the settings that some
// people need to read at all.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { faults, spaceTexts } from './lib/faults.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;
/** Signed in once; every case starts in the channel. */
let ana;
let page;

before(async () => {
  server = await Server.start();
  browser = await launchChromium();
  ana = await Person.signIn(server, browser, 'ana', { query: '?lang=pseudo-rtl' });
  page = ana.page;
  const { channels } = await server.api('ana', 'channels');
  const general = channels.find(({ name }) => name === 'general').id;
  for (const content of ['Good morning! Shall we look at the sketches?', 'A_very_long_word_'.repeat(12), '```\nconst wide = "a line of code that is longer than a narrow window can ever be, by far";\n```', '> quoted\n\n1. first\n2. second']) {
    await server.post('bo', `channels/${general}/messages`, { content });
  }
  await goto(ana, '/c/general');
  await until('the messages are there', 10_000, () => page.evaluate(() => document.querySelectorAll('[data-testid="message"]').length >= 4));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const VIEWS = [
  ['/c/general', '[data-testid="message"]'],
  ['/calls', '.history'],
  ['/test', '[data-testid="net-test"], .net-test'],
  ['/lobby/general', '[data-testid="lobby-join"]'],
];

async function sound(what, views = VIEWS) {
  for (const [path, ready] of views) {
    await goto(ana, path);
    await page.waitForSelector(ready, { timeout: 10_000 });
    await until(`${what} ${path} is laid out`, 3_000, () => page.evaluate(() => !document.querySelector('.loading')));
    assert.deepEqual(await page.evaluate(faults), [], `${what} ${path}`);
  }
}

/** Holds as long as the session that asked for it. */
let devtools;
async function media(features) {
  devtools ??= await page.createCDPSession();
  await devtools.send('Emulation.setEmulatedMedia', { features: Object.entries(features).map(([name, value]) => ({ name, value })) });
}

test('every text of the page is from the catalogue, and nothing breaks where texts are longer and run from right to left', { timeout: 60_000 }, async () => {
  assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]), ['en', 'rtl']);
  const [side, main] = await page.evaluate(() => ['.sidebar', 'main'].map((one) => document.querySelector(one).getBoundingClientRect().left));
  assert.ok(side > main, 'the list of channels is at the beginning of the line, on the right');
  for (const [path, ready] of VIEWS) {
    await goto(ana, path);
    await page.waitForSelector(ready, { timeout: 10_000 });
    const bare = await page.evaluate(() => {
      // What people wrote and are called, times, signs, and names of this product and of devices.
      const theirs = '[dir="auto"], .message-text, .avatar, time, kbd, option, .signin-name, .brand, .sr-only time';
      const found = [];
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const text = node.data.trim();
        if (/\p{L}{2,}/u.test(text) && !/[[\]]/.test(text) && !node.parentElement.closest(`noscript, ${theirs}`)) found.push(`${node.parentElement.tagName}.${node.parentElement.className}: ${text}`);
      }
      for (const element of document.querySelectorAll('[aria-label], [title], [placeholder]')) {
        for (const name of ['aria-label', 'title', 'placeholder']) {
          const text = element.getAttribute(name);
          if (text && /\p{L}{2,}/u.test(text) && !/^\[[^]*\]( \(\w\))?$/.test(text) && !element.closest('time')) found.push(`${name}: ${text}`);
        }
      }
      return found;
    });
    assert.deepEqual(bare, [], path);
  }
  await sound('from right to left');
  await goto(ana, '/c/general');
  await ana.click('me-menu');
  const outside = await page.$eval('.me-menu', (menu) => {
    const room = menu.getBoundingClientRect();
    return [...menu.querySelectorAll('*')].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width > 0 && !one.closest('svg, option') && (box.left < room.left || box.right > room.right);
    }).map((one) => one.textContent);
  });
  assert.deepEqual(outside, [], 'texts that run out of the account menu');
  // A name stands where the line begins, whichever way it runs itself.
  assert.ok(await page.$eval('.sidebar [data-channel-slug="general"] .row-name', (name) => {
    const text = document.createRange();
    text.selectNodeContents(name);
    return Math.abs(text.getBoundingClientRect().right - name.getBoundingClientRect().right) < 2;
  }), 'the name of a channel is beside its icon');
  await ana.click('me-menu');
});

test('a window of 320 pixels needs no scrolling to the side, nor does a page twice as large', { timeout: 60_000 }, async () => {
  await page.setViewport({ width: 320, height: 640 });
  await sound('320 px');
  // What 1280 pixels are at 200 %.
  await page.setViewport({ width: 640, height: 400, deviceScaleFactor: 2 });
  await sound('200 %');
  await page.setViewport({ width: 1280, height: 800 });
});

test('texts may be spaced as WCAG 1.4.12 says', { timeout: 60_000 }, async () => {
  const spaced = (on) => page.evaluate(spaceTexts, on);
  await spaced(true);
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('button')).letterSpacing !== 'normal'), true);
  await sound('spaced');
  await page.setViewport({ width: 390, height: 844 });
  await sound('spaced, on a phone');
  await page.setViewport({ width: 1280, height: 800 });
  await spaced(false);
});

test('colours of the system, more contrast and less movement are followed', { timeout: 60_000 }, async () => {
  await page.setViewport({ width: 1280, height: 800 });
  await goto(ana, '/c/general');
  const composer = await page.waitForSelector('[data-testid="composer"]');
  await media({ 'forced-colors': 'active' });
  await composer.focus();
  const forced = await page.evaluate(() => {
    const style = (selector) => getComputedStyle(document.querySelector(selector));
    const edged = (s) => s.borderTopStyle !== 'none' && parseFloat(s.borderTopWidth) >= 1;
    return {
      active: matchMedia('(forced-colors: active)').matches,
      buttons: [...document.querySelectorAll('main button, .sidebar button')].filter((one) => one.getBoundingClientRect().width > 0 && !one.matches('.row, .me-card') && !edged(getComputedStyle(one))).map((one) => one.className),
      current: style('[aria-current="page"]').outlineStyle !== 'none',
    };
  });
  assert.equal(forced.active, true);
  assert.equal(forced.current, true, 'the open channel is told by more than a colour that is gone');
  assert.deepEqual([...new Set(forced.buttons)], [], 'buttons have edges where grounds are gone');

  await media({ 'prefers-contrast': 'more' });
  assert.equal(await page.evaluate(() => {
    const root = getComputedStyle(document.documentElement);
    return root.getPropertyValue('--text-2') === root.getPropertyValue('--text') && root.getPropertyValue('--line') === root.getPropertyValue('--control-line');
  }), true);

  await media({ 'prefers-reduced-motion': 'reduce' });
  const moving = await page.evaluate(() => [...document.querySelectorAll('body *')].filter((one) => {
    const { transitionDuration, animationName, animationDuration } = getComputedStyle(one);
    return transitionDuration.split(',').some((time) => parseFloat(time) > 0.01) || (animationName !== 'none' && parseFloat(animationDuration) > 0.01);
  }).map((one) => one.className));
  assert.deepEqual([...new Set(moving)], []);
  await media({});
});

test('the language is chosen in the account menu, kept by the browser, and a call goes on meanwhile', { timeout: 90_000 }, async () => {
  await page.setViewport({ width: 1280, height: 800 });
  await goto(ana, '/lobby/general');
  await page.waitForSelector('[data-testid="lobby-join"]');
  await ana.click('lobby-join');
  await until('ana is in the call', 20_000, () => page.evaluate(() => window.__convene.call.phase === 'joined' && window.__convene.call.media === 'connected'));
  const before = await page.evaluate(() => window.__convene.call.callId);
  const pc = await page.evaluateHandle(() => window.__convene.pc);
  await goto(ana, '/c/general');
  await ana.click('me-menu');
  await (await page.waitForSelector('[data-testid="language"]')).select('de');
  await until('the page speaks German', 5_000, () => page.evaluate(() => document.documentElement.lang === 'de' && document.documentElement.dir === 'ltr' && document.querySelector('[data-testid="composer"]')?.getAttribute('aria-label') === 'Nachricht an general'));
  await until('it says so', 5_000, () => page.evaluate(() => document.querySelector('[data-testid="announcer"]').textContent.includes('Diese Seite spricht jetzt Deutsch')));
  assert.deepEqual(await page.evaluate((same) => [window.__convene.call.phase, window.__convene.call.callId, window.__convene.pc === same, same.connectionState], pc), ['joined', before, true, 'connected']);
  await ana.click('me-menu');
  assert.match(await page.$eval('.me-menu', (menu) => menu.textContent), /Sprache.*Abmelden/s);
  assert.equal(await page.evaluate(() => localStorage.getItem('convene.language')), 'de');
  // The menu lies over the bar of the call.
  await ana.click('me-menu');
  await ana.click('mini-leave');
  await until('the call is left', 5_000, () => page.evaluate(() => window.__convene.call.phase === 'idle'));
  // Without the address that asked for another language, the choice holds.
  await page.goto(`${server.url}/c/general`);
  await until('German after a reload', 10_000, () => page.evaluate(() => document.documentElement.lang === 'de' && document.querySelector('[data-testid="composer"]')?.getAttribute('aria-label') === 'Nachricht an general'));
  assert.deepEqual(ana.errors, []);
});
