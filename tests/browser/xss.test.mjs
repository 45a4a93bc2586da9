// Whatever people call themselves, their channels and rooms, and whatever they write: it is text, and nothing of it runs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { seedNames } from './lib/seed.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';
import { FAMILIES, PAYLOADS } from './lib/xss.mjs';

/** Every so many channels are opened; all of them are in the list. */
const HEADS_EVERY = 6;

let server;
let browser;
let channel;
let ana;
const dialogs = [];

/** Runs before anything of the page: what would have run says so, and so does what the policy stopped. */
function listen() {
  window.executions = 0;
  window.violations = [];
  window.hack = () => window.executions++;
  document.addEventListener('securitypolicyviolation', (event) => {
    window.violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample} ${event.sourceFile}:${event.lineNumber}`);
  });
}

const found = () => ana.page.evaluate(() => ({ executions: window.executions, violations: window.violations }));
const nothing = async (where) => assert.deepEqual({ ...(await found()), dialogs }, { executions: 0, violations: [], dialogs: [] }, where);

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
  const me = (await server.api('ana', 'users?search=ana')).users.find((user) => user.username === 'ana').id;
  ({ channel } = await server.post('ana', 'channels', { type: 'group', name: 'Corpus', participants: [], private: true }));
  await seedNames(server, { channelId: channel.id, memberId: me, texts: PAYLOADS });
  ana = await Person.signIn(server, browser, 'ana', {
    prepare: listen,
    before: (page) => page.on('dialog', (dialog) => (dialogs.push(dialog.message()), void dialog.dismiss())),
  });
  await until('all channels are there', 10_000, () => ana.page.evaluate((n) => document.querySelectorAll('[data-testid="channel-item"]').length >= n, PAYLOADS.length));
}, { timeout: 60_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
});

test('the corpus has 200 texts of every family, and the policy has no exceptions', async () => {
  assert.ok(PAYLOADS.length >= 200, `${PAYLOADS.length}`);
  for (const family of ['tags', 'handlers', 'attributes', 'urls', 'markdown', 'svg', 'templates', 'encodings']) assert.ok(FAMILIES[family].length > 0, family);
  const policy = (await fetch(server.url)).headers.get('content-security-policy');
  assert.match(policy, /require-trusted-types-for 'script'/);
  assert.ok(!policy.includes('unsafe-'), policy);
});

test('names of people and channels, in the lists and at the head of every channel and room', { timeout: 30_000 }, async () => {
  const names = (kind) => ana.page.evaluate((id) => [...document.querySelectorAll(`[data-testid="${id}"] .row-name`)].map((one) => one.textContent), kind);
  const channels = await names('channel-item');
  for (const text of PAYLOADS) assert.ok(channels.includes(text), `a channel called ${text}`);
  const sample = await ana.page.evaluate((every) => {
    const items = [...document.querySelectorAll('[data-testid="channel-item"]')];
    return items.filter((_, n) => n % every === 0).map((item) => ({ id: item.dataset.channelId, name: item.querySelector('.row-name').textContent }));
  }, HEADS_EVERY);
  for (const [n, { id, name }] of sample.entries()) {
    const rooms = n % HEADS_EVERY === 0 ? [`/c/${id}`, `/lobby/${id}`] : [`/c/${id}`];
    for (const path of rooms) {
      await goto(ana, path);
      await ana.page.waitForFunction((text) => [...document.querySelectorAll('main :is(h1, [data-testid="lobby"] p)')].some((head) => head.textContent.includes(text)), { timeout: 5_000 }, name);
    }
  }
  // And the call itself, in a room of such a name.
  await ana.join(sample[1].id, { camera: false });
  await ana.page.waitForFunction((text) => document.querySelector('[data-testid="call-view"] h1').textContent === text, { timeout: 5_000 }, sample[1].name);
  await ana.leave();
  await nothing('channels and rooms');
});

test('messages and links, every row of them', { timeout: 30_000 }, async () => {
  await goto(ana, `/c/${channel.id}`);
  await ana.page.waitForSelector('[data-testid="messages"][data-loaded="true"] [data-testid="message"]');
  const { texts, links, authors } = await ana.page.evaluate(async () => {
    const list = document.querySelector('[data-testid="messages"]');
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const [texts, links, authors] = [new Map(), new Map(), new Set()];
    const note = () => {
      for (const row of list.querySelectorAll('[data-testid="message"]')) {
        texts.set(row.dataset.messageId, row.querySelector('.message-text').textContent);
        authors.add(row.querySelector('.message-author')?.textContent);
        for (const a of row.querySelectorAll('a')) links.set(a.href, { rel: a.rel, protocol: a.protocol });
        // As if a pointer had gone over everything.
        for (const node of row.querySelectorAll('*')) for (const type of ['mouseover', 'pointerenter', 'focus']) node.dispatchEvent(new Event(type, { bubbles: true }));
      }
    };
    for (let n = 0; n < 900; n++) {
      await frame();
      note();
      if (list.dataset.moreBefore === 'false' && list.scrollTop <= 0) break;
      list.scrollBy(0, -400);
    }
    return { texts: [...texts.values()], links: [...links.values()], authors: [...authors] };
  });
  assert.ok(texts.length >= PAYLOADS.length, `${texts.length} messages seen`);
  for (const text of PAYLOADS) assert.ok(authors.includes(text), `somebody called ${text}`);
  // Nothing was swallowed as if it were markup: every tag that was written is read.
  for (const text of [...FAMILIES.tags, ...FAMILIES.handlers].filter((one) => !/[\\`*_~\n[\]]/.test(one))) assert.ok(texts.some((one) => one.includes(text)), text);
  assert.ok(links.length > 0);
  for (const { rel, protocol } of links) {
    assert.ok(['http:', 'https:', 'mailto:'].includes(protocol), protocol);
    assert.equal(rel, 'noopener noreferrer ugc');
  }
  await nothing('messages');
});

test('what one writes oneself, what is searched for, and who is looked up', { timeout: 30_000 }, async () => {
  for (const text of [FAMILIES.tags[0], FAMILIES.handlers[0], FAMILIES.markdown[0], FAMILIES.svg[0]]) {
    await ana.page.type('[data-testid="composer"]', text);
    await ana.page.keyboard.press('Enter');
  }
  await until('they are sent', 10_000, () => ana.page.evaluate(() => document.querySelectorAll('[data-testid="message"][data-author="ana"]').length === 4));
  await ana.page.keyboard.down('Control');
  await ana.page.keyboard.press('KeyK');
  await ana.page.keyboard.up('Control');
  await ana.page.waitForSelector('[data-testid="search-field"]');
  await ana.page.keyboard.type('<script>hack');
  await until('places are offered', 5_000, () => ana.page.evaluate(() => document.querySelectorAll('[data-testid="search-channel"]').length > 0));
  await ana.page.keyboard.press('Escape');
  await nothing('own messages and search');
});

test('it would have been seen: the same page tells of markup and handlers that the policy stops', async () => {
  await ana.page.evaluate(() => {
    const refused = (act) => {
      try {
        act();
      } catch {
        // Trusted Types.
      }
    };
    refused(() => (document.createElement('div').innerHTML = '<b>x</b>'));
    refused(() => document.createElement('button').setAttribute('onclick', 'hack()'));
    const link = document.createElement('a');
    link.href = 'javascript:hack()';
    document.body.append(link);
    refused(() => link.click());
    link.remove();
    window.hack();
  });
  const { executions, violations } = await until('it is reported', 5_000, async () => ((await found()).violations.length >= 3 ? found() : null));
  assert.equal(executions, 1);
  assert.ok(violations.some((one) => one.startsWith('require-trusted-types-for')), violations.join());
  assert.ok(violations.some((one) => one.startsWith('script-src')), violations.join());
});
