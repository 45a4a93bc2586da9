// Every view at desktop and phone width, light and dark: axe finds nothing serious, and the pictures land in
// out/ for people to look at.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { DESKTOP, look, PHONE } from './lib/look.mjs';
import { goto, Person } from './lib/people.mjs';
import { OUT, Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const named = (role, name) => `::-p-aria([role="${role}"][name="${name}"])`;
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

/** What there is to moderate: the same in every run, so the later ones find it there. */
async function somethingToModerate() {
  const ids = Object.fromEntries((await server.api('ana', 'users')).users.map((user) => [user.username, user.id]));
  const { channel } = await server.post('ana', 'channels', { type: 'group', name: 'Field notes', participants: [ids.bo, ids.cy], private: true });
  await server.api('ana', `channels/${channel.id}`, { method: 'PATCH', body: JSON.stringify({ topic: 'What we see outside' }) });
  for (const [who, content] of [['bo', 'The path behind the mill is under water again.'], ['cy', 'Buy cheap boots at my shop!']]) {
    await server.post(who, `channels/${channel.id}/messages`, { content });
  }
  const { message } = await server.post('cy', `channels/${channel.id}/messages`, { content: 'Only today: every pair for nothing!!!' });
  await server.post('bo', `messages/${message.id}/report`, { reason: 'Spam or advertising', note: 'The third time today.' });
  for (const [word, action] of [['boots', 'flag'], ['wormwood', 'block'], ['for nothing', 'mask']]) await server.post('ana', 'admin/filters', { word, action });
  await server.api('ana', `admin/bans/${ids.di}`, { method: 'PUT', body: JSON.stringify({ reason: 'advertising', until: new Date(Date.now() + 7 * 86_400_000).toISOString() }) });
  return { channel, ids };
}

for (const [size, viewport] of [['desktop', DESKTOP], ['phone', PHONE]]) {
  for (const scheme of ['light', 'dark']) {
    test(`moderation, ${size}, ${scheme}`, { timeout: 120_000 }, async () => {
      const name = (view) => `moderation-${view}-${size}-${scheme}`;
      const { channel, ids } = await somethingToModerate();
      const ana = await Person.signIn(server, browser, 'ana', { viewport });
      const { page } = ana;
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      const press = async (what, role = 'button') => {
        const element = await page.waitForSelector(named(role, what), { timeout: 5_000 });
        await element.click();
        await element.dispose();
      };
      const closed = () => until('the dialog is closed', 5_000, () => page.evaluate(() => document.querySelector('dialog[open]') === null));
      const escape = async () => {
        await page.keyboard.press('Escape');
        await closed();
      };

      await goto(ana, `/c/${channel.id}`);
      await press('Cy Okafor: message, call and more');
      await look(page, name('person'));
      await press('Time out…', 'menuitem');
      await page.waitForSelector('dialog[open]');
      await look(page, name('timeout'));
      await escape();
      await press('Cy Okafor: message, call and more');
      await press('Ban from this server…', 'menuitem');
      await page.waitForSelector('dialog[open]');
      await look(page, name('ban'));
      await escape();
      if (size === 'phone') {
        await press('More');
        await look(page, name('more'));
        await press('Members and settings', 'menuitem');
      } else await press('Members and settings');
      await page.waitForSelector('[data-testid="member"]');
      await press('Add people');
      await look(page, name('members'));
      await page.click('[data-testid="tab-settings"]');
      await page.waitForSelector('[data-testid="settings-form"]');
      await look(page, name('settings'));
      await escape();
      await page.waitForSelector('article');
      const last = (await page.$$('article')).at(-1);
      await (size === 'phone' ? last.tap() : last.hover());
      await last.evaluate((node) => node.querySelector('[data-testid="message-more"]').click());
      await look(page, name('message'));
      await press('Report…', 'menuitem');
      await page.waitForSelector('dialog[open]');
      await look(page, name('report'));
      await escape();

      for (const [tab, ready] of [['reports', 'report-row'], ['bans', 'ban-row'], ['words', 'word-row'], ['people', 'account'], ['log', 'log-line']]) {
        await goto(ana, `/admin/${tab}`);
        await page.waitForSelector(`[data-testid="${ready}"]`, { timeout: 5_000 });
        await look(page, name(`admin-${tab}`));
      }
      await goto(ana, '/admin/reports');
      await press('Decide…');
      await page.waitForSelector('dialog[open]');
      await look(page, name('decide'));
      await escape();

      // The other side of it.
      const bo = await Person.signIn(server, browser, 'bo', { viewport });
      await bo.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await server.api('bo', `users/${ids.cy}/block`, { method: 'PUT', body: '{}' });
      await server.api('ana', `channels/${channel.id}/members/${ids.bo}/timeout`, {
        method: 'PUT',
        body: JSON.stringify({ until: new Date(Date.now() + 3_600_000).toISOString() }),
      });
      await goto(bo, `/c/${channel.id}`);
      await bo.page.waitForSelector('[data-testid="composer-closed"]', { timeout: 5_000 });
      await bo.page.waitForSelector('[data-testid="message-blocked"]', { timeout: 5_000 });
      await look(bo.page, name('timed-out'));
      await server.api('ana', `admin/bans/${ids.bo}`, { method: 'PUT', body: JSON.stringify({ reason: 'enough for today' }) });
      await bo.page.waitForSelector('[data-testid="banned"]', { timeout: 5_000 });
      await look(bo.page, name('banned'));
      await server.api('ana', `admin/bans/${ids.bo}`, { method: 'DELETE' });
      await server.api('bo', `users/${ids.cy}/block`, { method: 'DELETE' });
      for (const person of [ana, bo]) {
        assert.deepEqual(person.errors, [], person.username);
        await person.page.browserContext().close();
      }
    });
  }
}
