// What Lighthouse says of the built page as the real binary delivers it: the sign-in as a visit, the channel, the lobby and
// a call as somebody who is signed in has them before them. Performance is a matter of time and is asserted by
// `make test-page` alone (LIGHTHOUSE_PERFORMANCE=1), on a machine that does nothing else.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import lighthouse, { desktopConfig, snapshot } from 'lighthouse';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { OUT, Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const timed = process.env.LIGHTHOUSE_PERFORMANCE === '1';
const LEAST = { performance: 0.9, accessibility: 0.95, 'best-practices': 0.95 };
const QUIET = { logLevel: 'silent', disableStorageReset: true };
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

/** Every category that was asked for, with what it found where it is not enough. */
async function enough(name, { lhr }, wanted) {
  assert.equal(lhr.runtimeError, undefined, `${name}: ${lhr.runtimeError?.message}`);
  await writeFile(path.join(OUT, `lighthouse-${name}.json`), JSON.stringify(lhr));
  const scores = Object.fromEntries(wanted.map((category) => [category, lhr.categories[category]?.score ?? null]));
  const low = wanted.filter((category) => !(scores[category] >= LEAST[category]));
  const why = low.flatMap((category) => lhr.categories[category].auditRefs.map(({ id }) => lhr.audits[id]).filter(({ score, scoreDisplayMode }) => score !== null && score < 0.9 && scoreDisplayMode !== 'informative').map(({ id, displayValue }) => `${id} ${displayValue ?? ''}`));
  assert.deepEqual(low, [], `${name} ${JSON.stringify(scores)}: ${why.join(', ')}`);
  return scores;
}

const ASIDE = ['accessibility', 'best-practices'];

test('the sign-in is accessible and well made', { timeout: 90_000 }, async (t) => {
  const page = await browser.newPage();
  const result = await lighthouse(server.url, { ...QUIET, onlyCategories: ASIDE }, desktopConfig, page);
  t.diagnostic(JSON.stringify(await enough('sign-in', result, ASIDE)));
  await page.close();
});

test('so are a channel, the lobby and a call', { timeout: 90_000 }, async (t) => {
  const ana = await Person.signIn(server, browser, 'ana');
  const { page } = ana;
  await server.post('bo', `channels/${(await server.api('ana', 'channels')).channels.find(({ name }) => name === 'general').id}/messages`, { content: '**Good morning**, see https://example.org' });
  const look = async (name) => t.diagnostic(`${name} ${JSON.stringify(await enough(name, await snapshot(page, { flags: { ...QUIET, onlyCategories: ASIDE, screenEmulation: { disabled: true } } }), ASIDE))}`);
  await goto(ana, '/c/general');
  await page.waitForSelector('[data-testid="message"]');
  await look('channel');
  await goto(ana, '/lobby/general?video=1');
  await until('the preview runs', 15_000, () => page.evaluate(() => (document.querySelector('[data-testid="lobby"] video')?.currentTime ?? 0) > 0.5));
  await look('lobby');
  await ana.click('lobby-join');
  await until('ana is in the call', 20_000, () => page.evaluate(() => window.__convene.call.phase === 'joined' && document.querySelector('[data-testid="tile"]') !== null));
  await look('call');
  await ana.leave();
  assert.deepEqual(ana.errors, []);
});

test('the page is there soon', { timeout: 120_000, skip: !timed && 'timed; make test-page' }, async (t) => {
  const page = await browser.newPage();
  // A slow telephone, as Lighthouse has it, and a desk.
  for (const [name, config] of [['sign-in-phone', undefined], ['sign-in-desktop', desktopConfig]]) {
    t.diagnostic(`${name} ${JSON.stringify(await enough(name, await lighthouse(server.url, { ...QUIET, onlyCategories: ['performance'] }, config, page), ['performance']))}`);
  }
  await page.close();
  // Signed in, from the address to the messages.
  const ana = await Person.signIn(server, browser, 'ana');
  await goto(ana, '/c/general');
  await ana.page.waitForSelector('[data-testid="message"]');
  t.diagnostic(`channel ${JSON.stringify(await enough('channel-load', await lighthouse(`${server.url}/c/general`, { ...QUIET, onlyCategories: ['performance'] }, desktopConfig, ana.page), ['performance']))}`);
});
