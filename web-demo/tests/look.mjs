/**
 * Opens every view in headless Chromium against the mock server, takes pictures and runs axe.
 *
 *   npm run build && node tests/look.mjs [--axe] [--out DIR] [--only NAME] [--matrix]
 *
 * `--matrix`: every view in three widths, both themes, and both directions of writing (`make test-page`).
 */
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer-core';
import { listen } from '../mock/server.mjs';

const arg = (name) => {
  const at = process.argv.indexOf(name);
  return at > 0 ? process.argv[at + 1] : undefined;
};
const out = arg('--out') ?? new URL('./out/', import.meta.url).pathname;
const only = arg('--only');
/** A part of `phone-dark-pseudo-rtl`. */
const onlyIn = arg('--in');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(out, { recursive: true });

const browser = await puppeteer.launch({
  browser: 'chrome',
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--auto-accept-this-tab-capture', '--lang=en-GB',
  ],
});
const matrix = process.argv.includes('--matrix');
const mock = await listen(0);
const sizes = [
  { name: 'wide', width: 1280, height: 800 },
  ...(matrix ? [{ name: 'medium', width: 900, height: 700 }] : []),
  { name: 'phone', width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
];
let serious = 0;
const problems = [];

/** `en`, or the pseudo language that runs from right to left and is longer. */
let lang = 'en';

async function open(size, theme, user = 'ana') {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(8_000);
  await page.setViewport(size);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
  page.on('console', (m) => ['error', 'warn'].includes(m.type()) && problems.push(`${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => problems.push(`pageerror: ${e.message}`));
  await page.goto(lang === 'en' ? mock.url : `${mock.url}/?lang=${lang}`);
  if (user) {
    await page.type('[data-testid=signin-username]', user);
    await page.type('[data-testid=signin-password]', 'convene-demo');
    await page.click('[data-testid=signin-submit]');
    await page.waitForSelector(size.name === 'phone' ? '[data-testid=channel-item]' : '[data-testid=message]');
  }
  return page;
}
const tid = (id) => `[data-testid=${id}]`;

/** Not every browser says that it would not ask. */
const allowDevices = (page) =>
  page.waitForFunction(() => {
    document.querySelector('[data-problem="notAsked"] button')?.click();
    return document.querySelector('.preview')?.dataset.video === 'true';
  });

/** Wider than the window, or texts that are cut off without saying so. */
const wrong = (page) =>
  page.evaluate(() => {
    const found = [];
    const over = document.documentElement.scrollWidth - innerWidth;
    if (over > 0) found.push(`${over} px wider than the window`);
    for (const element of document.querySelectorAll('body *')) {
      if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || element.closest('.sr-only, .skip, svg, option, select')) continue;
      const style = getComputedStyle(element);
      if (style.visibility === 'hidden' || style.display === 'inline' || element.clientWidth === 0) continue;
      const clipped = (way, inner, outer) => ['hidden', 'clip'].includes(way) && inner > outer + 1;
      // An ellipsis says that there is more.
      if (clipped(style.overflowX, element.scrollWidth, element.clientWidth) && style.textOverflow !== 'ellipsis') found.push(`cut off: ${element.className} "${element.textContent.slice(0, 40)}"`);
      if (clipped(style.overflowY, element.scrollHeight, element.clientHeight + 2) && style.webkitLineClamp === 'none') found.push(`cut off below: ${element.className} "${element.textContent.slice(0, 40)}"`);
    }
    for (const button of document.querySelectorAll('button')) {
      const box = button.getBoundingClientRect();
      if (box.width > 0 && button.scrollWidth > button.clientWidth + 2 && getComputedStyle(button).overflowX === 'visible') found.push(`runs out of its button: "${button.textContent.slice(0, 40)}"`);
    }
    return found;
  });

async function shoot(page, name) {
  // Pictures wait for movement to end.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations === 1).map((a) => a.finished.catch(() => {}))));
  await page.screenshot({ path: `${out}/${name}.png` });
  for (const fault of await wrong(page)) {
    serious++;
    console.log(`WRONG ${name}: ${fault}`);
  }
  const session = await page.createCDPSession();
  // Through the debugger, so that the page's own content policy stays as it is.
  await session.send('Runtime.evaluate', { expression: axeSource });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, {runOnly:['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']}).then(r => JSON.stringify(r.violations.map(v => ({id:v.id, impact:v.impact, nodes:v.nodes.slice(0,3).map(n => n.html.slice(0,160) + ' :: ' + n.failureSummary.slice(0,200))}))))`,
    awaitPromise: true,
  });
  for (const v of JSON.parse(result.value)) {
    // The pseudo language changes names as well, but not the text beside them.
    if (lang !== 'en' && v.id === 'label-content-name-mismatch') continue;
    const bad = v.impact === 'serious' || v.impact === 'critical';
    if (bad) serious++;
    console.log(`${bad ? 'SERIOUS' : 'note'} ${name}: ${v.id} (${v.impact})\n   ${v.nodes.join('\n   ')}`);
  }
  await session.detach();
}

const views = {
  async signin(size, theme) {
    const page = await open(size, theme, null);
    await page.waitForSelector(tid('signin-submit'));
    return page;
  },
  async signinError(size, theme) {
    const page = await open(size, theme, null);
    await page.type(tid('signin-username'), 'ana');
    await page.type(tid('signin-password'), 'wrong');
    await page.click(tid('signin-submit'));
    await page.waitForFunction(() => document.querySelector('#signin-error')?.textContent);
    return page;
  },
  async home(size, theme) {
    if (size.name === 'wide') return null;
    return open(size, theme);
  },
  async chat(size, theme) {
    const page = await open(size, theme);
    await page.click('[data-channel-slug=general]');
    await page.waitForFunction(() => document.querySelectorAll('[data-testid=message]').length >= 10);
    const general = mock.api.channels[0];
    mock.api.emit([mock.api.byName('ana').id], 'typing:user_start', { channelId: general.id, userId: mock.api.byName('bo').id, name: 'Bo Lindqvist' });
    await page.waitForFunction(() => document.querySelector('[data-testid=typing]')?.textContent);
    return page;
  },
  async dm(size, theme) {
    const page = await open(size, theme);
    await page.click(tid('dm-item'));
    await page.waitForSelector(tid('message'));
    return page;
  },
  async menu(size, theme) {
    const page = await open(size, theme);
    await page.click(tid('me-menu'));
    return page;
  },
  async keys(size, theme) {
    if (size.name === 'phone') return null;
    const page = await open(size, theme);
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    return page;
  },
  async search(size, theme) {
    const page = await open(size, theme);
    await page.click(tid('search-open'));
    await page.type(tid('search-field'), 'review');
    await page.waitForSelector('[data-result]');
    return page;
  },
  async later(size, theme) {
    const page = await open(size, theme);
    if (size.name === 'phone') await page.click('[data-channel-slug=design]');
    await page.waitForSelector(tid('composer'));
    await page.type(tid('composer'), 'Do not forget the cake');
    await page.click(tid('later-open'));
    await page.click(tid('later-hour'));
    await page.click(tid('later-submit'));
    await page.waitForSelector(tid('later-line'));
    await page.click(tid('later-line'));
    await page.waitForSelector(tid('later-row'));
    return page;
  },
  async members(size, theme) {
    const page = await open(size, theme);
    await page.click('[data-channel-slug=design]');
    if (size.name === 'phone') {
      await page.click(tid('channel-more'));
      await page.click(tid('menu-members'));
    } else await page.click(tid('channel-open'));
    await page.waitForSelector(tid('member'));
    return page;
  },
  async admin(size, theme) {
    const page = await open(size, theme);
    await page.click(tid('nav-admin'));
    await page.waitForSelector(tid('admin-words'));
    await page.click(tid('admin-words'));
    await page.type(tid('word'), 'wormwood');
    await page.click(tid('word-add'));
    await page.waitForSelector(tid('word-row'));
    return page;
  },
  async history(size, theme) {
    const page = await open(size, theme);
    await page.evaluate(() => [...document.querySelectorAll('[data-testid=nav-calls]')][0].click());
    await page.waitForSelector(tid('history-row'));
    return page;
  },
  async lobby(size, theme) {
    const page = await open(size, theme);
    await page.click('[data-channel-slug=general]');
    await page.waitForSelector(tid('call-start-video'));
    await page.click(tid('call-start-video'));
    await allowDevices(page);
    await page.waitForFunction(() => document.querySelector('.preview video').videoWidth > 0);
    return page;
  },
  async call(size, theme, people = 4, extra = async () => {}) {
    const page = await open(size, theme);
    if (size.name === 'phone') await page.click('[data-channel-slug=design]');
    else await page.click('[data-channel-slug=design]');
    await page.waitForSelector(tid('call-start-video'));
    await page.click(tid('call-start-video'));
    await page.waitForSelector(tid('lobby-join'));
    await allowDevices(page);
    await page.click(tid('lobby-join'));
    await page.waitForSelector(tid('tile'));
    await page.waitForFunction(() => window.__convene.call.phase === 'joined');
    const call = [...mock.api.calls.values()].at(-1);
    const ana = mock.api.byName('ana').id;
    const more = Array.from({ length: Math.max(0, people - mock.api.users.length) }, (_, i) => ({ id: `more-${i}`, username: `more${i}`, name: `Guest ${i + 1}` }));
    [...mock.api.users.slice(1), ...more].slice(0, people - 1).forEach((u, i) => {
      const participant = mock.api.person(u, `p-${u.username}`, { muted: i % 3 === 1 });
      mock.api.emit([ana], 'call:participant_joined', { callId: call.callId, channelId: call.channelId, participant });
      mock.api.emit([ana], 'rtc:track', { callId: call.callId, state: 'published', trackId: `t-${u.username}`, userId: u.id, participantId: participant.participantId, kind: 'audio', source: 'mic', codec: 'opus', layers: 1, muted: i % 3 === 1 });
    });
    mock.api.emit([ana], 'call:speakers', { callId: call.callId, speakers: [{ userId: mock.api.byName('bo').id, participantId: 'p-bo', level: 90 }], dominant: { userId: mock.api.byName('bo').id, participantId: 'p-bo' } });
    mock.api.emit([ana], 'call:quality', { callId: call.callId, participants: [['bo', 85, []], ['cy', 41, ['high_loss_up']]].map(([name, score, issues]) => ({ participantId: `p-${name}`, userId: mock.api.byName(name).id, score, mos: 1 + score / 25, loss: 0, jitter: 5, rtt: 30, issues })) });
    await page.waitForFunction((n) => window.__convene.call.participants.length >= n, {}, people);
    await extra(page, call, ana);
    page.cleanup = () => mock.api.calls.delete(call.callId);
    return page;
  },
  callSpeaker: (size, theme) => views.call(size, theme, 6, async (page) => {
    // On a phone the layout is behind the menu.
    if (size.name === 'phone') await page.click(tid('call-more'));
    await page.click(tid(size.name === 'phone' ? 'menu-layout' : 'control-layout'));
  }),
  callHands: (size, theme) =>
    views.call(size, theme, 9, async (page, call, ana) => {
      const [cy, bo] = [mock.api.byName('cy').id, mock.api.byName('bo').id];
      mock.api.emit([ana], 'call:hands', { callId: call.callId, hands: [cy, ana, bo, 'more-2'], by: bo });
      mock.api.emit([ana], 'call:locked', { callId: call.callId, locked: true, by: ana });
      await page.waitForSelector(tid('hand-queue'));
      mock.api.emit([ana], 'call:reactions', { callId: call.callId, reactions: [{ userId: bo, emoji: '👏', count: 3 }, { userId: cy, emoji: '🎉', count: 1 }], more: 4 });
      await page.waitForSelector(tid('reaction'));
      await page.click(tid('control-react'));
      await page.waitForSelector(tid('react-menu'));
    }),
  callPeople: (size, theme) =>
    views.call(size, theme, 30, async (page, call, ana) => {
      const [cy, bo] = [mock.api.byName('cy').id, mock.api.byName('bo').id];
      mock.api.emit([ana], 'call:hands', { callId: call.callId, hands: [cy, bo], by: bo });
      await page.click(tid('control-people'));
      await page.waitForSelector(tid('person-row'));
    }),
  callChat: (size, theme) =>
    views.call(size, theme, 6, async (page) => {
      if (size.name === 'phone') await page.click(tid('call-more'));
      await page.click(tid(size.name === 'phone' ? 'menu-chat' : 'control-chat'));
      await page.waitForSelector(`${tid('chat-panel')} ${tid('message')}`);
    }),
  callAsked: (size, theme) =>
    views.call(size, theme, 4, async (page, call, ana) => {
      await page.click(tid('control-mic'));
      await page.waitForFunction(() => !window.__convene.local.micOn);
      mock.api.emit([ana], 'call:unmute_asked', { callId: call.callId, channelId: call.channelId, by: mock.api.byName('bo') });
      await page.waitForSelector(tid('unmute-prompt'));
    }),
  callNine: (size, theme) => views.call(size, theme, 9),
  callMany: (size, theme) =>
    views.call(size, theme, 30, async (page, call, ana) => {
      await page.mouse.move(0, 0);
      const last = { userId: 'more-20', participantId: 'p-more20' };
      mock.api.emit([ana], 'call:speakers', { callId: call.callId, speakers: [{ ...last, level: 90 }], dominant: null });
      await page.waitForSelector(tid('off-page-speaker'));
    }),
  callShare: (size, theme) =>
    views.call(size, theme, 5, async (page, call, ana) => {
      const bo = mock.api.byName('bo');
      mock.api.emit([ana], 'rtc:track', { callId: call.callId, state: 'published', trackId: 's-bo', userId: bo.id, participantId: 'p-bo', kind: 'video', source: 'screen', codec: 'VP8', layers: 1, muted: false });
      await page.waitForSelector('[data-source=screen]');
    }),
  callStats: (size, theme) =>
    views.call(size, theme, 3, async (page) => {
      await page.click(tid('control-stats'));
      await page.waitForSelector(tid('stats-panel'));
    }),
  async mini(size, theme) {
    const page = await views.call(size, theme, 3);
    await page.click(tid('call-to-chat'));
    await page.waitForSelector(tid('mini-call'));
    await page.waitForSelector(tid('message'));
    return page;
  },
  async ring(size, theme) {
    const page = await open(size, theme);
    if (size.name === 'phone') await page.click('[data-channel-slug=general]');
    const [bo, ana] = [mock.api.byName('bo'), mock.api.byName('ana')];
    const dm = mock.api.channels.find((c) => c.kind === 'dm');
    mock.api.emit([ana.id], 'call:incoming', { callId: 'ring', channelId: dm.id, type: 'video', initiator: bo, expiresAt: new Date(Date.now() + 45_000).toISOString() });
    await page.waitForSelector(tid('ring-accept'));
    return page;
  },
  async lost(size, theme) {
    const page = await open(size, theme);
    if (size.name === 'phone') await page.click('[data-channel-slug=general]');
    await page.waitForSelector(tid('composer'));
    await page.setOfflineMode(true);
    await page.evaluate(() => window.__convene.dropConnection());
    await page.type(tid('composer'), 'Written while the train is in the tunnel');
    await page.click(tid('send'));
    await page.waitForSelector(tid('connection-banner'));
    return page;
  },
};

for (const [name, view] of Object.entries(views)) {
  if (only && !name.startsWith(only)) continue;
  for (const [size, theme, language] of sizes.flatMap((one) => ['light', 'dark'].flatMap((two) => (matrix ? ['en', 'pseudo-rtl'] : ['en']).map((three) => [one, two, three])))) {
      if (!matrix && theme === 'dark' && size.name === 'phone' && !['chat', 'home'].includes(name)) continue;
      if (onlyIn && !`${size.name}-${theme}-${language}`.includes(onlyIn)) continue;
      lang = language;
      const file = `${name}-${size.name}-${theme}${language === 'en' ? '' : '-rtl'}`;
      try {
        const page = await view(size, theme);
        if (!page) continue;
        await shoot(page, file);
        page.cleanup?.();
        await page.browserContext().close();
      } catch (error) {
        serious++;
        console.log(`FAILED ${file}: ${error.message}`);
      }
  }
}
for (const p of new Set(problems)) console.log(`console ${p}`);
console.log(`${serious} serious problems`);
await browser.close();
mock.close();
process.exit(serious === 0 ? 0 : 1);
