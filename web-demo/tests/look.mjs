/**
 * Opens every view in headless Chromium against the mock server, takes pictures and runs axe.
 *
 *   npm run build && node tests/look.mjs [--out DIR] [--only NAME[,NAME…]] [--in PART] [--matrix]
 *
 * `--matrix`: every view in three widths, both themes, and both directions of writing (`make test-page`).
 * `--only`: views whose names begin so; `--in`: a part of `phone-rtl` or `wide-en`.
 */
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer-core';
import { LINKS } from '../mock/guests.mjs';
import { stillPictures } from '../mock/media.mjs';
import { listen } from '../mock/server.mjs';

const arg = (name) => {
  const at = process.argv.indexOf(name);
  return at > 0 ? process.argv[at + 1] : undefined;
};
const out = arg('--out') ?? new URL('./out/', import.meta.url).pathname;
const only = arg('--only')?.split(',');
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

const tid = (id) => `[data-testid=${id}]`;
/** `en`, or the pseudo language that runs from right to left and is longer. */
let lang = 'en';

async function open(size, theme, user = 'ana', path = '/') {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(8_000);
  await page.setViewport(size);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
  page.on('console', (m) => ['error', 'warn'].includes(m.type()) && problems.push(`${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => problems.push(`pageerror: ${e.message}`));
  await page.evaluateOnNewDocument(stillPictures, { faces: true });
  if (user) {
    await page.evaluateOnNewDocument(
      (token, id) => {
        sessionStorage.setItem('convene.token', token);
        sessionStorage.setItem('convene.user', id);
      },
      `mock-${user}`,
      mock.api.byName(user).id,
    );
  }
  await page.goto(`${mock.url}${path}${lang === 'en' ? '' : `?lang=${lang}`}`);
  if (user && path === '/') await page.waitForSelector(size.name === 'phone' ? tid('channel-item') : tid('message'));
  return page;
}
async function to(page, path) {
  // Somebody with a pointer: the focus comes without a ring.
  await page.mouse.click(1, 1);
  await page.evaluate((next) => {
    history.pushState(null, '', next);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
}

/** Not every browser says that it would not ask. */
const allowDevices = (page) =>
  page.waitForFunction(() => {
    document.querySelector('[data-problem="notAsked"] button')?.click();
    return document.querySelector('.preview')?.dataset.video === 'true';
  });

/** Whoever was at the end of a conversation is there still. */
const endInSight = (page) =>
  page.waitForFunction(() => {
    const list = document.querySelector('.messages');
    return [...list.querySelectorAll('[data-row]')].at(-1).getBoundingClientRect().bottom <= list.getBoundingClientRect().bottom + 1;
  });

/** Nothing gets through any more, in a call or beside it. */
async function lose(page, since = 0) {
  await page.evaluate((ms) => {
    window.__cut();
    if (ms > 0) setTimeout(() => window.__later(ms), 100);
  }, since);
}

/** Wider than the window, or texts that are cut off without saying so. */
const wrong = (page) =>
  page.evaluate(() => {
    const found = [];
    const over = document.documentElement.scrollWidth - innerWidth;
    if (over > 0) found.push(`${over} px wider than the window`);
    for (const element of document.querySelectorAll('body *')) {
      if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || element.closest('.sr-only, .skip, svg, option, select')) continue;
      const style = getComputedStyle(element);
      if (style.visibility === 'hidden' || style.display === 'inline' || style.clipPath !== 'none' || element.clientWidth === 0) continue;
      const clipped = (way, inner, outer) => ['hidden', 'clip'].includes(way) && inner > outer + 1;
      // An ellipsis says that there is more.
      if (clipped(style.overflowX, element.scrollWidth, element.clientWidth) && style.textOverflow !== 'ellipsis') found.push(`cut off: ${element.className} "${element.textContent.slice(0, 40)}"`);
      if (clipped(style.overflowY, element.scrollHeight, element.clientHeight + 2) && style.webkitLineClamp === 'none') found.push(`cut off below: ${element.className} "${element.textContent.slice(0, 40)}"`);
    }
    const scrolls = (element) => element !== null && (['auto', 'scroll'].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
    for (const button of document.querySelectorAll('button')) {
      const box = button.getBoundingClientRect();
      const inside = box.left >= -1 && box.right <= innerWidth + 1;
      if (box.width > 0 && !inside && !scrolls(button.parentElement) && getComputedStyle(button).visibility !== 'hidden') found.push(`outside of the window: "${button.ariaLabel ?? button.textContent.slice(0, 40)}"`);
      if (box.width > 0 && button.scrollWidth > button.clientWidth + 2 && getComputedStyle(button).overflowX === 'visible') found.push(`runs out of its button: "${button.textContent.slice(0, 40)}"`);
    }
    return found;
  });

async function shoot(page, name, all) {
  // Pictures wait for movement to end, but for what only passes by.
  await page.evaluate(() =>
    Promise.all(
      document.getAnimations().filter((a) => a.effect?.getTiming().iterations === 1 && !a.effect.target?.closest('.floats')).map((a) => a.finished.catch(() => {})),
    ),
  );
  await page.screenshot({ path: `${out}/${name}.png` });
  for (const fault of await wrong(page)) {
    serious++;
    console.log(`WRONG ${name}: ${fault}`);
  }
  const session = await page.createCDPSession();
  // Through the debugger, so that the page's own content policy stays as it is.
  await session.send('Runtime.evaluate', { expression: axeSource });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, {runOnly:${JSON.stringify(all ? ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] : ['color-contrast'])}}).then(r => JSON.stringify(r.violations.map(v => ({id:v.id, impact:v.impact, nodes:v.nodes.slice(0,3).map(n => n.html.slice(0,160) + ' :: ' + n.failureSummary.slice(0,200))}))))`,
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

/** Whoever speaks goes on speaking. */
let talk;

/** Something for the administration to show; once. */
let moderated = false;
function moderate() {
  if (moderated) return;
  moderated = true;
  const { api } = mock;
  const [general] = api.channels;
  const spam = api.addMessage(api.channels[1], api.byName('gus').id, 'Cheap boots, today only! https://boots.example.org/sale');
  const loud = api.messages.get(general.id).at(-1);
  api.run('bo', 'message:report', { messageId: spam.id, reason: 'Spam or advertising', note: 'The third time this week.' });
  api.run('cy', 'message:report', { messageId: loud.id, reason: 'Something else' });
  api.run('ana', 'moderation:ban_user', { userId: api.byName('ivo').id, reason: 'Advertising', until: new Date(Date.now() + 7 * 86_400_000).toISOString() });
  for (const [word, action] of [['boots', 'flag'], ['wormwood', 'block'], ['for nothing', 'mask']]) api.run('ana', 'moderation:filter_add', { word, action });
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
  ...Object.fromEntries(
    [['overview', '[data-testid=figures]'], ['people', tid('account')], ['rooms', tid('room')], ['rings', tid('ring-row')], ['reports', tid('report-row')], ['bans', tid('ban-row')], ['words', tid('word-row')], ['policy', tid('policy-row')], ['log', tid('log-line')]].map(([tab, ready]) => [
      `admin-${tab}`,
      async (size, theme) => {
        moderate();
        const page = await open(size, theme, 'ana', `/admin/${tab}`);
        await page.waitForSelector(ready);
        if (tab === 'rooms') {
          await page.click(tid('room-open'));
          await page.waitForSelector(tid('room-person'));
        }
        return page;
      },
    ]),
  ),
  async netTest(size, theme) {
    const page = await open(size, theme, 'ana', '/test');
    await page.waitForSelector(tid('net-test-start'));
    return page;
  },
  async netTestDone(size, theme) {
    const page = await views.netTest(size, theme);
    await page.click(tid('net-test-start'));
    await page.waitForSelector('[data-phase=done]', { timeout: 30_000 });
    return page;
  },
  async guest(size, theme) {
    const page = await open(size, theme, null, `/j/${LINKS.asks}`);
    await page.waitForSelector(tid('guest-name'));
    await page.type(tid('guest-name'), 'Maya Lindholm');
    await page.click('[data-problem="notAsked"] button').catch(() => {});
    await page.waitForSelector(tid('mic-level'));
    return page;
  },
  async guestListens(size, theme) {
    const page = await open(size, theme, null, `/j/${LINKS.listens}`);
    await page.waitForSelector(tid('guest-name'));
    return page;
  },
  async guestWaits(size, theme) {
    const page = await open(size, theme, null, `/j/${LINKS.asks}`);
    await page.waitForSelector(tid('guest-name'));
    await page.type(tid('guest-name'), 'Maya Lindholm');
    await page.click(tid('guest-join'));
    await page.waitForSelector(tid('guest-waiting'));
    return page;
  },
  async guestGone(size, theme) {
    const page = await open(size, theme, null, '/j/a-link-that-is-no-more-');
    await page.waitForSelector(tid('guest-failed'));
    return page;
  },
  async knock(size, theme) {
    const page = await open(size, theme);
    if (size.name === 'phone') await page.click('[data-channel-slug=general]');
    const general = mock.api.channels[0];
    for (const [userId, name] of [['guest-1', 'Maya Lindholm'], ['guest-2', 'Tom']]) mock.api.emit([mock.api.byName('ana').id], 'invite:knock', { guest: { userId, name }, channelId: general.id, at: new Date().toISOString() });
    await page.waitForSelector(tid('knock-more'));
    return page;
  },
  async thread(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/general');
    await page.waitForSelector(tid('thread-open'));
    await page.click(tid('thread-open'));
    await page.waitForFunction((panel, message) => document.querySelectorAll(`${panel} ${message}`).length >= 3, {}, tid('thread-panel'), tid('message'));
    return page;
  },
  async threads(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/general');
    await page.waitForSelector(tid('thread-open'));
    await page.click(tid('threads-open'));
    await page.waitForSelector('.thread-row');
    return page;
  },
  async unread(size, theme) {
    mock.api.addMessage(mock.api.channels.find((c) => c.slug === 'release'), mock.api.byName('di').id, 'Candidate 3 is on staging now.');
    const page = await open(size, theme);
    await to(page, '/c/release');
    await page.waitForSelector('.divider-new');
    return page;
  },
  async messageActs(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/general');
    await page.waitForSelector(tid('thread-open'));
    const rows = await page.$$('[data-author=bo]');
    const last = rows.at(-1);
    await (size.name === 'phone' ? last.tap() : last.hover());
    await (await last.$(tid('message-more'))).click();
    await page.waitForSelector('[role=menuitem]');
    return page;
  },
  async person(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/design');
    await page.waitForSelector('[data-author=eli]');
    await page.click(`[data-author=eli] ${tid('person-menu')}`);
    await page.waitForSelector('[role=menuitem]');
    return page;
  },
  async editing(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/general');
    await page.waitForSelector(tid('thread-open'));
    const last = (await page.$$('[data-author=ana]')).at(-1);
    await (size.name === 'phone' ? last.tap() : last.hover());
    await (await last.$(tid('message-edit'))).click();
    await page.waitForSelector('.editor');
    return page;
  },
  async newChannel(size, theme) {
    const page = await open(size, theme);
    await page.click(tid('channel-new'));
    await page.waitForSelector('dialog[open]');
    return page;
  },
  async settings(size, theme) {
    const page = await views.members(size, theme);
    await page.click(tid('tab-settings'));
    await page.waitForSelector(tid('settings-form'));
    return page;
  },
  async links(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/design');
    await page.waitForSelector(tid('composer'));
    await (size.name === 'phone' ? page.click(tid('channel-more')).then(() => page.click(tid('menu-links'))) : page.click(tid('links-open')));
    await page.waitForSelector(tid('link-create'));
    await page.click(tid('link-create'));
    await page.waitForSelector(tid('link-row'));
    return page;
  },
  async notify(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/general');
    await page.waitForSelector(tid('composer'));
    await (size.name === 'phone' ? page.click(tid('channel-more')).then(() => page.click(tid('menu-notify'))) : page.click(tid('notify-open')));
    await page.waitForSelector('dialog[open]');
    return page;
  },
  async report(size, theme) {
    const page = await views.messageActs(size, theme);
    await page.click(tid('menu-report'));
    await page.waitForSelector('dialog[open]');
    return page;
  },
  async signIns(size, theme) {
    const page = await open(size, theme);
    await page.click(tid('me-menu'));
    await page.click(tid('open-sign-ins'));
    await page.waitForSelector(tid('sign-in-item'));
    return page;
  },
  async devices(size, theme) {
    const page = await views.lobby(size, theme);
    await page.click(tid('lobby-devices'));
    await page.waitForSelector('dialog[open]');
    return page;
  },
  /** The browser gives neither microphone nor camera. */
  async lobbyBlocked(size, theme) {
    const page = await open(size, theme);
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));
      const query = navigator.permissions.query.bind(navigator.permissions);
      navigator.permissions.query = async (what) => (['microphone', 'camera'].includes(what.name) ? Object.assign(new EventTarget(), { state: 'denied' }) : query(what));
    });
    await to(page, '/lobby/general?video=1');
    await page.waitForSelector(tid('permission-mic'));
    return page;
  },
  /** Nobody was asked yet. */
  async lobbyAsks(size, theme) {
    const page = await open(size, theme);
    await page.evaluate(() => {
      const query = navigator.permissions.query.bind(navigator.permissions);
      navigator.permissions.query = async (what) => (['microphone', 'camera'].includes(what.name) ? Object.assign(new EventTarget(), { state: 'prompt' }) : query(what));
      // Nor does a device say its name.
      navigator.mediaDevices.enumerateDevices = async () => [];
    });
    await to(page, '/lobby/general?video=1');
    await page.waitForSelector('[data-problem=notAsked]');
    return page;
  },
  async missing(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/no-such-place');
    await page.waitForSelector('.empty-state');
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
    await to(page, '/lobby/general?video=1');
    await allowDevices(page);
    await page.waitForFunction(() => document.querySelector('.preview video').videoWidth > 0);
    return page;
  },
  /** In `general`, where nobody is rung; two of three others have a camera. */
  async call(size, theme, people = 4, extra = async () => {}) {
    const page = await open(size, theme);
    mock.api.runsFor = 1_450_000;
    await to(page, '/lobby/general?video=1');
    await page.waitForSelector(tid('lobby-join'));
    await allowDevices(page);
    const videos = [];
    // A place for every picture, in the order in which they came.
    mock.api.onOffer = (session, { callId, gen, sdp }) => {
      const free = JSON.parse(sdp).filter((line) => line.kind === 'video' && line.direction === 'recvonly');
      session.event('rtc:answer', { callId, gen, sdp: '', midToTrack: Object.fromEntries(free.map(({ mid }, i) => [mid, videos[i]]).filter(([, id]) => id)) });
    };
    await page.click(tid('lobby-join'));
    await page.waitForSelector(tid('tile'));
    await page.waitForFunction(() => window.__convene.call.phase === 'joined');
    await page.mouse.move(0, 0);
    const call = [...mock.api.calls.values()].at(-1);
    const ana = mock.api.byName('ana').id;
    const emit = (ev, d) => mock.api.emit([ana], ev, { callId: call.callId, channelId: call.channelId, ...d });
    const comes = (userId, participantId, kind, source, muted = false) => {
      const trackId = `${source}-${participantId}`;
      if (kind === 'video') videos.push(trackId);
      emit('rtc:track', { state: 'published', trackId, userId, participantId, kind, source, codec: kind === 'video' ? 'VP8' : 'opus', layers: source === 'camera' ? 3 : 1, muted });
    };
    const names = ['Jo Ferreira', 'Kim Nguyen', 'Lea Fontaine', 'Mo Rahimi', 'Nils Aaltonen', 'Oda Krüger', 'Pia Moretti', 'Quinn O’Brien', 'Ravi Shankar Narayanan', 'Sam Whitfield'];
    const more = Array.from({ length: Math.max(0, people - mock.api.users.length) }, (_, i) => ({ id: `more-${i}`, username: `more${i}`, name: names[i % names.length] }));
    const others = [...mock.api.users.slice(1), ...more].slice(0, people - 1);
    others.forEach((u, i) => {
      const participant = mock.api.person(u, `p-${u.username}`, { muted: i % 3 === 1, video: i % 3 !== 2 });
      emit('call:participant_joined', { participant });
      comes(u.id, participant.participantId, 'audio', 'mic', i % 3 === 1);
      if (i % 3 !== 2) comes(u.id, participant.participantId, 'video', 'camera');
    });
    const sees = (count) => {
      emit('rtc:sections', { audio: 0, video: count });
      return page.waitForFunction((n) => {
        window.__paint();
        const on = new Set([...document.querySelectorAll('[data-testid=tile]')].filter((tile) => tile.dataset.video === 'true'));
        return on.size >= n;
      }, {}, Math.min(count, 4));
    };
    if (people > 1) {
      const bo = { userId: mock.api.byName('bo').id, participantId: 'p-bo' };
      const speak = () => emit('call:speakers', { speakers: [{ ...bo, level: 90 }], dominant: bo });
      speak();
      talk = setInterval(speak, 1_000);
      emit('call:quality', { participants: [['bo', 85, []], ['cy', 41, ['high_loss_up']]].map(([name, score, issues]) => ({ participantId: `p-${name}`, userId: mock.api.byName(name).id, score, mos: 1 + score / 25, loss: 0, jitter: 5, rtt: 30, issues })) });
      await page.waitForFunction((n) => window.__convene.call.participants.length >= n, {}, people);
      await sees(videos.length);
    }
    await extra({ page, call, emit, comes, sees });
    return page;
  },
  callAlone: (size, theme) => views.call(size, theme, 1),
  callFive: (size, theme) => views.call(size, theme, 5),
  callTwentyFive: (size, theme) => views.call(size, theme, 25),
  /** Somebody is rung. */
  async callOut(size, theme) {
    const page = await open(size, theme);
    await page.click('[data-channel-slug=release]');
    await page.waitForSelector(tid('call-start-video'));
    await page.click(tid('call-start-video'));
    await page.waitForSelector(tid('lobby-join'));
    await allowDevices(page);
    mock.api.onOffer = (session, { callId, gen }) => session.event('rtc:answer', { callId, gen, sdp: '', midToTrack: {} });
    await page.click(tid('lobby-join'));
    await page.waitForSelector(tid('invite'));
    const call = [...mock.api.calls.values()].at(-1);
    mock.api.emit([mock.api.byName('ana').id], 'call:ringing', { callId: call.callId, userId: mock.api.byName('bo').id });
    mock.api.emit([mock.api.byName('ana').id], 'call:declined', { callId: call.callId, userId: mock.api.byName('cy').id, reason: 'busy' });
    await page.waitForSelector('[data-state=ringing]');
    return page;
  },
  callSpeaker: (size, theme) => views.call(size, theme, 6, async ({ page }) => {
    // On a phone the layout is behind the menu.
    if (size.name === 'phone') await page.click(tid('call-more'));
    await page.click(tid(size.name === 'phone' ? 'menu-layout' : 'control-layout'));
  }),
  callHands: (size, theme) =>
    views.call(size, theme, 9, async ({ page, emit }) => {
      const [ana, cy, bo] = ['ana', 'cy', 'bo'].map((name) => mock.api.byName(name).id);
      emit('call:hands', { hands: [cy, ana, bo, mock.api.byName('di').id], by: bo });
      emit('call:locked', { locked: true, by: ana });
      await page.waitForSelector(tid('hand-queue'));
      await page.click(tid('control-react'));
      await page.waitForSelector(tid('react-menu'));
      const react = () => emit('call:reactions', { reactions: [{ userId: bo, emoji: '👏', count: 3 }, { userId: cy, emoji: '🎉', count: 1 }], more: 4 });
      react();
      await page.waitForSelector(tid('reaction'));
      clearInterval(talk);
      talk = setInterval(react, 2_500);
    }),
  callPeople: (size, theme) =>
    views.call(size, theme, 30, async ({ page, emit }) => {
      const [cy, bo] = [mock.api.byName('cy').id, mock.api.byName('bo').id];
      emit('call:hands', { hands: [cy, bo], by: bo });
      await page.click(tid('control-people'));
      await page.waitForSelector(tid('person-row'));
    }),
  callChat: (size, theme) =>
    views.call(size, theme, 6, async ({ page }) => {
      if (size.name === 'phone') await page.click(tid('call-more'));
      await page.click(tid(size.name === 'phone' ? 'menu-chat' : 'control-chat'));
      await page.waitForSelector(`${tid('chat-panel')} ${tid('message')}`);
    }),
  callAsked: (size, theme) =>
    views.call(size, theme, 4, async ({ page, emit }) => {
      await page.click(tid('control-mic'));
      await page.waitForFunction(() => !window.__convene.local.micOn);
      emit('call:unmute_asked', { by: mock.api.byName('bo') });
      await page.waitForSelector(tid('unmute-prompt'));
    }),
  callMore: (size, theme) =>
    views.call(size, theme, 4, async ({ page }) => {
      await page.click(tid('call-more'));
      await page.waitForSelector('[role=menuitem]');
    }),
  callLeave: (size, theme) =>
    views.call(size, theme, 4, async ({ page }) => {
      await page.click(tid('control-leave-more'));
      await page.click(tid('menu-end-call'));
    }),
  callNine: (size, theme) => views.call(size, theme, 9),
  callMany: (size, theme) =>
    views.call(size, theme, 30, async ({ page, emit }) => {
      clearInterval(talk);
      const speak = () => emit('call:speakers', { speakers: [{ userId: 'more-20', participantId: 'p-more20', level: 90 }], dominant: null });
      speak();
      talk = setInterval(speak, 1_000);
      await page.waitForSelector(tid('off-page-speaker'));
    }),
  callShare: (size, theme) =>
    views.call(size, theme, 7, async ({ page, comes, sees }) => {
      comes(mock.api.byName('bo').id, 'p-bo', 'video', 'screen');
      await sees(1);
      await page.waitForSelector('[data-source=screen]');
      await page.evaluate(() => window.__slide());
      await page.waitForFunction(() => {
        window.__paint();
        return document.querySelector('[data-source=screen] video')?.videoWidth === 1280;
      });
    }),
  callSharing: (size, theme) =>
    views.call(size, theme, 4, async ({ page }) => {
      await page.click(tid('control-screen'));
      await page.waitForSelector(tid('share-bar'));
    }),
  callMuted: (size, theme) =>
    views.call(size, theme, 4, async ({ page, call, emit }) => {
      emit('call:muted', { participantId: call.participants[0].participantId, userId: mock.api.byName('ana').id, muted: true, by: mock.api.byName('bo').id });
      await page.waitForSelector(tid('mic-moderated'));
    }),
  callStats: (size, theme) =>
    views.call(size, theme, 3, async ({ page }) => {
      await page.click(tid('control-stats'));
      await page.waitForSelector(tid('stats-panel'));
    }),
  callReconnecting: (size, theme) =>
    views.call(size, theme, 5, async ({ page, emit }) => {
      await lose(page);
      emit('voice:state_update', { userId: mock.api.byName('cy').id, participantId: 'p-cy', voiceState: {}, connection: 'interrupted' });
      await page.waitForSelector(tid('call-reconnecting'));
      await page.evaluate(() => window.__freeze());
    }),
  callLost: (size, theme) =>
    views.call(size, theme, 5, async ({ page }) => {
      await lose(page, 6_000);
      await page.waitForSelector('[data-stage=lost]');
    }),
  callStuck: (size, theme) =>
    views.call(size, theme, 5, async ({ page }) => {
      await lose(page, 31_000);
      await page.waitForSelector(tid('lost-panel'));
    }),
  async back(size, theme) {
    const page = await open(size, theme);
    await to(page, '/c/general');
    await page.waitForSelector(tid('message'));
    await page.setOfflineMode(true);
    await page.evaluate(() => window.__convene.dropConnection());
    await page.waitForSelector('[data-state=lost]');
    await endInSight(page);
    await page.setOfflineMode(false);
    await page.waitForSelector('[data-state=back]');
    await page.evaluate(() => window.__freeze());
    return page;
  },
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
  /** During another call. */
  async ringQuiet(size, theme) {
    const page = await views.call(size, theme, 4);
    const dm = mock.api.channels.find((c) => c.kind === 'dm');
    mock.api.emit([mock.api.byName('ana').id], 'call:incoming', { callId: 'ring', channelId: dm.id, type: 'voice', initiator: mock.api.byName('bo'), expiresAt: new Date(Date.now() + 45_000).toISOString() });
    await page.waitForSelector('[data-quiet=true]');
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
    await endInSight(page);
    return page;
  },
};

const variants = sizes.flatMap((size) => (matrix ? ['en', 'pseudo-rtl'] : ['en']).map((language) => ({ size, language })));
for (const [name, view] of Object.entries(views)) {
  if (only && !only.some((one) => name.startsWith(one))) continue;
  for (const { size, language } of variants) {
    const direction = language === 'en' ? 'en' : 'rtl';
    if (onlyIn && !`${size.name}-${direction}`.includes(onlyIn)) continue;
    lang = language;
    // The same page in one theme after the other: nothing of it knows which one it is.
    const themes = matrix || size.name === 'wide' || ['chat', 'home'].includes(name) ? ['light', 'dark'] : ['light'];
    let file = `${name}-${size.name}-${direction}`;
    try {
      const page = await view(size, themes[0]);
      if (!page) continue;
      for (const theme of themes) {
        file = `${name}-${size.name}-${theme}${direction === 'en' ? '' : '-rtl'}`;
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
        // Another theme is other colours, and nothing else.
        await shoot(page, file, theme === themes[0]);
      }
    } catch (error) {
      serious++;
      console.log(`FAILED ${file}: ${error.message}`);
    }
    clearInterval(talk);
    for (const context of browser.browserContexts().filter((one) => one !== browser.defaultBrowserContext())) await context.close();
    mock.api.calls.clear();
  }
}
/** What the browser says of wrong passwords, links that are gone, and cables that were pulled. */
const EXPECTED = /status of 40[14]|ERR_INTERNET_DISCONNECTED/;
for (const p of new Set(problems.filter((one) => !EXPECTED.test(one)))) {
  serious++;
  console.log(`console ${p}`);
}
console.log(`${serious} serious problems`);
await browser.close();
mock.close();
process.exit(serious === 0 ? 0 : 1);
