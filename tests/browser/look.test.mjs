// Every view at desktop and phone width, light and dark: axe finds nothing serious, and the pictures land in
// out/ for people to look at.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { OUT, Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true };
let server;
let browser;

before(async () => {
  await mkdir(OUT, { recursive: true });
  server = await Server.start();
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function look(page, name) {
  await page.screenshot({ path: path.join(OUT, `${name}.png`) });
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const bad = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(' | ')}`);
  assert.deepEqual(bad, [], name);
  assert.ok(passes.length > 5, `${name}: axe looked at almost nothing`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name}: ${wide} px wider than the window`);
}

for (const [size, viewport] of [['desktop', DESKTOP], ['phone', PHONE]]) {
  for (const scheme of ['light', 'dark']) {
    test(`every view, ${size}, ${scheme}`, { timeout: 120_000 }, async () => {
      const name = (view) => `${view}-${size}-${scheme}`;
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      await page.setViewport(viewport);
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await page.goto(server.url);
      await page.waitForSelector('[data-testid="signin-username"]');
      await look(page, name('sign-in'));
      await context.close();

      const ana = await Person.signIn(server, browser, 'ana', { viewport });
      const bo = await Person.signIn(server, browser, 'bo');
      await ana.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await look(ana.page, name('home'));

      await goto(ana, '/c/general');
      await goto(bo, '/c/general');
      const composer = await bo.page.waitForSelector('[data-testid="composer"]');
      for (const text of ['Good morning! Shall we look at the sketches?', 'I put them into the shared folder.']) {
        await composer.type(text);
        await bo.page.keyboard.press('Enter');
      }
      await until('messages are there', 5_000, () => ana.page.evaluate(() => document.querySelectorAll('[data-testid="message"]').length >= 2));
      await look(ana.page, name('chat'));

      await goto(ana, '/lobby/general?video=1');
      await ana.page.waitForSelector('[data-testid="lobby"]');
      await until('the preview runs', 15_000, () => ana.page.evaluate(() => (document.querySelector('[data-testid="lobby"] video')?.currentTime ?? 0) > 0.5));
      await look(ana.page, name('lobby'));

      await bo.join('general');
      await ana.join('general');
      await until('ana sees bo', 20_000, async () => (await ana.received()).some((row) => row.source === 'camera' && row.framesDecoded > 10));
      await look(ana.page, name('call'));
      await bo.click('control-screen');
      await until('ana sees the screen', 20_000, async () => (await ana.received()).some((row) => row.source === 'screen' && row.framesDecoded > 0));
      await look(ana.page, name('call-screen'));
      await ana.leave();
      await bo.leave();

      await goto(ana, '/calls');
      await ana.page.waitForSelector('[data-testid="history-row"]');
      await look(ana.page, name('history'));
      for (const person of [ana, bo]) {
        assert.deepEqual(person.errors, [], person.username);
        await person.page.browserContext().close();
      }
    });
  }
}
