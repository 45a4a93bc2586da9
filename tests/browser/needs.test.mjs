// The call and the administration as people have them who need the colours of their system, more contrast, everything
// twice as large or texts further apart: nothing is cut off, the focus is seen, and states are told apart.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Crowd } from './lib/crowd.mjs';
import { faults, spaceTexts } from './lib/faults.mjs';
import { goto, Person } from './lib/people.mjs';
import { OUT, Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const DESKTOP = { width: 1280, height: 800 };
/** By name: the window, what of the media is different, and whether texts are spaced. */
const NEEDS = {
  'system colours': { window: DESKTOP, media: { 'forced-colors': 'active' } },
  'more contrast': { window: DESKTOP, media: { 'prefers-contrast': 'more' } },
  // What 1280 by 800 pixels are at 200 %.
  'twice as large': { window: { width: 640, height: 400, deviceScaleFactor: 2 }, media: {} },
  'spaced texts': { window: DESKTOP, media: {}, spaced: true },
  'spaced texts on a phone': { window: { width: 390, height: 844 }, media: {}, spaced: true },
};

const id = (name) => `[data-testid="${name}"]`;
let browser;

before(async () => {
  await mkdir(OUT, { recursive: true });
  browser = await launchChromium();
});
after(() => browser?.close());

/** Puppeteer knows only some of the features; they hold as long as the session that asked for them. */
async function eyes(page) {
  const devtools = await page.createCDPSession();
  // Rings are drawn in a window that has the focus only.
  await devtools.send('Emulation.setFocusEmulationEnabled', { enabled: true });
  const media = (features) => devtools.send('Emulation.setEmulatedMedia', { features: Object.entries({ 'prefers-reduced-motion': 'reduce', ...features }).map(([name, value]) => ({ name, value })) });
  return {
    media,
    async need({ window, media: features, spaced = false }) {
      await page.setViewport(window);
      await media(features);
      await page.evaluate(spaceTexts, spaced);
      for (const [name, value] of Object.entries(features)) assert.equal(await page.evaluate((query) => matchMedia(query).matches, `(${name}: ${value})`), true, name);
    },
  };
}

/** Runs in the page: what can be pressed and is neither in sight nor in something that scrolls, or has something over it. */
function hidden(selector) {
  const found = [];
  for (const one of document.querySelectorAll(selector)) {
    if (!one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || one.closest('.sr-only, .skip')) continue;
    const box = one.getBoundingClientRect();
    if (box.width === 0) continue;
    const what = one.dataset.testid || one.getAttribute('aria-label') || one.textContent;
    let scroller = null;
    for (let up = one.parentElement; up && !scroller; up = up.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(up);
      if ([overflowX, overflowY].some((way) => way === 'auto' || way === 'scroll') && (up.scrollHeight > up.clientHeight || up.scrollWidth > up.clientWidth)) scroller = up;
    }
    const inside = box.top >= -1 && box.left >= -1 && box.bottom <= innerHeight + 1 && box.right <= innerWidth + 1;
    if (scroller) continue;
    if (!inside) found.push(`out of sight: ${what}`);
    else {
      const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
      if (hit && !one.contains(hit) && !hit.contains(one)) found.push(`covered: ${what} by ${hit.className || hit.tagName}`);
    }
  }
  return found;
}

const settled = (page) => page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations === 1).map((a) => a.finished.catch(() => {}))));

/** Nothing is cut off, out of the window or covered; `pressed` says what of it has to be reached. */
async function whole(page, name, pressed) {
  await settled(page);
  await page.screenshot({ path: path.join(OUT, `needs-${name.replace(/[ ,]+/g, '-')}.png`) });
  const found = await page.evaluate(faults);
  assert.deepEqual(found, [], name);
  assert.deepEqual(await page.evaluate(hidden, pressed), [], name);
}

/** Tab by Tab through the whole page: each stop shows that it is one. Gives how many there were. */
async function stops(page, name) {
  const seen = new Set();
  const unseen = [];
  // From the very beginning, whatever had the focus before.
  await page.focus('.skip');
  for (let n = 0; n < 80; n++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      if (!one || one === document.body) return null;
      one.dataset.stop ??= String((window.stops = (window.stops ?? 0) + 1));
      const { outlineStyle, outlineWidth } = getComputedStyle(one);
      return { key: one.dataset.stop, what: one.dataset.testid || one.getAttribute('aria-label') || one.id || one.tagName, ring: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
    });
    if (!at || seen.has(at.key)) break;
    seen.add(at.key);
    // The way past everything is seen when it comes in.
    if (!at.ring) unseen.push(at.what);
  }
  assert.deepEqual(unseen, [], `${name}: stops without a ring`);
  return seen.size;
}

/** What is left to tell an element by where grounds are gone: its lines, as they are drawn, and the shape of its icon. */
async function shape(page, selector) {
  await settled(page);
  return page.$eval(selector, (one) => {
    const line = (style, which) => `${style[`${which}Style`]} ${style[`${which}Width`]} ${style[`${which}Color`]}`;
    const own = getComputedStyle(one);
    const over = getComputedStyle(one, '::after');
    const drawn = over.content !== 'none' && Number(over.opacity) > 0.5;
    return JSON.stringify([line(own, 'outline'), own.outlineOffset, line(own, 'borderTop'), drawn && line(over, 'borderTop'), (one.matches('svg') ? one : one.querySelector('svg'))?.innerHTML]);
  });
}

/** As somebody gets there who uses keys: for others no ring is drawn. */
async function focusOn(page, selector) {
  await page.keyboard.press('Shift');
  await page.focus(selector);
  await until(`${selector} has the focus`, 3_000, () => page.$eval(selector, (one) => one.matches(':focus-visible')));
}

/** All of them are different from each other. */
function apart(what, shapes) {
  const names = Object.keys(shapes);
  const same = names.flatMap((one, i) => names.slice(i + 1).filter((other) => shapes[one] === shapes[other]).map((other) => `${one} = ${other}`));
  assert.deepEqual(same, [], what);
}

const REACH = '.call-head button, .controls button, .call-panel-head button, .stats-head button, .leave-menu button, .call-react-menu button';

/** Ana hosts a call of five: one has a hand up, one is muted, one has a bad connection, one speaks. */
async function meeting(t) {
  const crowd = await Crowd.start(t, browser, 4, { viewport: DESKTOP });
  const { page, people } = crowd;
  const [hand, muted, weak, speaker] = people;
  // Who is rung stays so: nothing is to change while it is looked at.
  for (const userId of await page.evaluate(() => Object.keys(window.__convene.call.invites))) crowd.emit('call:ringing', { userId });
  await until('they ring', 5_000, () => page.evaluate(() => Object.values(window.__convene.call.invites).every((state) => state === 'ringing')));
  crowd.emit('call:hands', { hands: [hand.userId], by: hand.userId });
  crowd.emit('rtc:track', { state: 'muted', trackId: muted.camera.replace('c-', 'm-'), userId: muted.userId, participantId: muted.participantId, kind: 'audio', source: 'mic', codec: 'opus', layers: 1, muted: true });
  crowd.emit('call:quality', { participants: [{ userId: weak.userId, participantId: weak.participantId, score: 40, mos: 2, loss: 0.1, jitter: 30, rtt: 200, issues: ['high_loss_up'] }] });
  const tile = (person) => `[data-participant="${person.participantId}"]`;
  await until('they are shown so', 5_000, () =>
    page.evaluate((a, b, c) => document.querySelector(a)?.dataset.hand === '1' && document.querySelector(b)?.dataset.muted === 'true' && document.querySelector(c)?.dataset.quality === 'poor', tile(hand), tile(muted), tile(weak)),
  );
  return { crowd, page, tile, hand, muted, weak, speaker };
}

/** Everything that can be open in a call, one after the other: what opens it, what is there then, and what closes it. */
const OPEN = [
  ['the call', null, 'stage'],
  ['people', 'control-people', 'people-panel'],
  ['details', 'control-stats', 'stats-panel'],
  ['reactions', 'control-react', 'react-menu'],
  ['ways to leave', 'control-leave-more', 'menu-end-call'],
];

for (const [name, need] of Object.entries(NEEDS)) {
  test(`the call, with ${name}`, { timeout: 60_000 }, async (t) => {
    const { crowd, page } = await meeting(t);
    const see = await eyes(page);
    await see.need(need);
    for (const [part, button, there] of OPEN) {
      if (button) await page.click(id(button));
      await page.waitForSelector(id(there), { timeout: 5_000, visible: true });
      await until('it is laid out', 3_000, () => page.evaluate(() => !document.querySelector('.loading')));
      await whole(page, `call, ${name}, ${part}`, REACH);
      if (part === 'the call') {
        const [tiles, least] = await page.evaluate(() => {
          const boxes = [...document.querySelectorAll('[data-testid="tile"]')].map((one) => one.getBoundingClientRect());
          return [boxes.length, Math.min(...boxes.map((box) => box.height))];
        });
        assert.ok(tiles >= 1 && least >= 100, `${tiles} tiles, the smallest ${least} px high`);
      }
      if (there === 'react-menu') await page.keyboard.press('Escape');
      else if (button) await page.click(id(button));
      if (button) await until('it is closed', 3_000, async () => !(await page.$(id(there))));
    }
    assert.ok((await stops(page, name)) >= 8, 'too few stops: the head, a tile and the toolbar have more');
    await page.evaluate(spaceTexts, false);
    assert.deepEqual(crowd.errors, []);
  });
}

test('in the colours of the system the states of a call are told apart', { timeout: 60_000 }, async (t) => {
  const { crowd, page, tile, hand, muted, weak, speaker } = await meeting(t);
  const see = await eyes(page);
  await see.need(NEEDS['system colours']);
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0).length);
  assert.equal(moving, 0, 'colours change at once where nothing shall move');
  const edges = await page.evaluate(() => [...document.querySelectorAll('[data-testid="tile"]')].filter((one) => getComputedStyle(one).borderTopStyle === 'none').length);
  assert.equal(edges, 0, 'tiles have edges where grounds are gone');
  const pale = await page.evaluate(() => [...document.querySelectorAll('.icon')].filter((one) => one.checkVisibility() && getComputedStyle(one).color !== getComputedStyle(one.parentElement).color).map((one) => one.parentElement.className));
  assert.deepEqual([...new Set(pale)], [], 'icons have the colour of the texts around them');

  // The same person in every state that there is, so that nothing but the state differs.
  const who = tile(speaker);
  const plain = await shape(page, who);
  crowd.speak([speaker]);
  await until('somebody speaks', 3_000, () => page.$eval(who, (one) => one.dataset.speaking === 'true'));
  const speaking = await shape(page, who);
  await focusOn(page, who);
  crowd.speak([speaker]);
  const both = await shape(page, who);
  crowd.speak([]);
  await until('nobody speaks', 3_000, () => page.$eval(who, (one) => one.dataset.speaking === 'false'));
  await focusOn(page, who);
  const focused = await shape(page, who);
  await page.evaluate(() => document.activeElement.blur());
  apart('a tile', { plain, speaking, focused, 'speaking and focused': both });

  const name = '.tile-name svg';
  apart('the marks beside a name', {
    'microphone on': await shape(page, `${who} ${name}`),
    'microphone off': await shape(page, `${tile(muted)} ${name}`),
  });
  assert.equal(await page.$eval(`${tile(hand)} ${id('tile-hand')}`, (one) => one.checkVisibility()), true);
  const bars = (person) => page.$$eval(`${tile(person)} ${id('tile-quality')} svg path`, (all) => all.filter((one) => getComputedStyle(one).opacity === '1').length);
  crowd.emit('call:quality', { participants: [{ userId: speaker.userId, participantId: speaker.participantId, score: 80, mos: 4.2, loss: 0, jitter: 5, rtt: 20, issues: [] }] });
  await until('both are measured', 3_000, () => page.$eval(who, (one) => one.dataset.quality === 'good'));
  assert.deepEqual([await bars(weak), await bars(speaker)], [2, 5], 'good and bad connections have other shapes');

  for (const button of ['control-mic', 'control-camera', 'control-hand', 'control-deafen']) {
    const state = () => page.$eval(id(button), (one) => one.getAttribute('aria-pressed'));
    const press = async () => {
      const before = await state();
      await page.$eval(id(button), (one) => one.click());
      await until(`${button} has changed`, 5_000, async () => (await state()) !== before);
    };
    const shapes = {};
    for (let n = 0; n < 2; n++) {
      shapes[`pressed ${await state()}`] = await shape(page, id(button));
      await focusOn(page, id(button));
      shapes[`pressed ${await state()}, focused`] = await shape(page, id(button));
      await page.evaluate(() => document.activeElement.blur());
      await press();
    }
    assert.equal(Object.keys(shapes).length, 4);
    apart(button, shapes);
  }
  assert.deepEqual(crowd.errors, []);
});

const TABS = [['overview', 'figures'], ['people', 'account'], ['rooms', 'room'], ['rings', 'admin'], ['reports', 'report-row'], ['bans', 'ban-row'], ['words', 'word-row'], ['policy', 'admin'], ['log', 'log-line']];

test('the administration, with each of them', { timeout: 180_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const ids = Object.fromEntries((await server.api('ana', 'users')).users.map((user) => [user.username, user.id]));
  const { channel } = await server.post('ana', 'channels', { type: 'group', name: 'Field notes', participants: [ids.bo, ids.cy], private: true });
  const { message } = await server.post('cy', `channels/${channel.id}/messages`, { content: 'Only today: every pair for nothing!!!' });
  await server.post('bo', `messages/${message.id}/report`, { reason: 'Spam or advertising', note: 'The third time today.' });
  for (const [word, action] of [['boots', 'flag'], ['wormwood', 'block'], ['for nothing', 'mask']]) await server.post('ana', 'admin/filters', { word, action });
  await server.api('ana', `admin/bans/${ids.di}`, { method: 'PUT', body: JSON.stringify({ reason: 'advertising', until: new Date(Date.now() + 7 * 86_400_000).toISOString() }) });
  const bo = await Person.signIn(server, browser, 'bo');
  await bo.join('general', { camera: false });
  const ana = await Person.signIn(server, browser, 'ana');
  const { page } = ana;
  t.after(() => Promise.all([ana.close(), bo.close()]));
  const see = await eyes(page);

  for (const [name, need] of Object.entries(NEEDS)) {
    await see.need(need);
    for (const [tab, ready] of TABS) {
      await goto(ana, `/admin/${tab}`);
      await page.waitForSelector(`${id('admin')}[data-tab="${tab}"]`, { timeout: 5_000 });
      await page.waitForSelector(id(ready), { timeout: 5_000 });
      await until('it is laid out', 5_000, () => page.evaluate(() => !document.querySelector('.loading')));
      await whole(page, `admin, ${name}, ${tab}`, '.admin button, .admin select, .admin input');
    }
    await goto(ana, '/admin/reports');
    await (await page.waitForSelector('::-p-aria([role="button"][name="Decide…"])', { timeout: 5_000 })).click();
    await page.waitForSelector('dialog[open]');
    await whole(page, `admin, ${name}, decide`, 'dialog[open] button');
    await page.keyboard.press('Escape');
    await until('the dialog is closed', 3_000, () => page.evaluate(() => !document.querySelector('dialog[open]')));
    await goto(ana, '/admin/overview');
    await page.waitForSelector(id('figures'), { timeout: 5_000 });
    assert.ok((await stops(page, name)) >= 10, 'too few stops');
  }

  // Which part is open is told by more than a ground, and by something else than the focus.
  await see.need(NEEDS['system colours']);
  await goto(ana, '/admin/people');
  await page.waitForSelector(id('account'), { timeout: 5_000 });
  const other = await shape(page, id('admin-overview'));
  await goto(ana, '/admin/overview');
  await page.waitForSelector(id('figures'), { timeout: 5_000 });
  await page.evaluate(() => document.activeElement.blur());
  const current = await shape(page, id('admin-overview'));
  await focusOn(page, id('admin-overview'));
  const focused = await shape(page, id('admin-overview'));
  apart('a part of the administration', { other, current, 'current and focused': focused });
  assert.deepEqual(ana.errors, []);
});
