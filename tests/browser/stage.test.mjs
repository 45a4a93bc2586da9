// The stage of a large call: who moves when, what it costs, how it is used by keyboard, and what is asked of the server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Crowd } from './lib/crowd.mjs';
import { traced } from './lib/trace.mjs';
import { measureFor, until } from './lib/wait.mjs';

let browser;
before(async () => (browser = await launchChromium()));
after(async () => browser?.close());

const LONGEST_TASK_MS = 50;
const SCRIPT_PER_FRAME_MS = 3;
const id = (name) => `[data-testid="${name}"]`;

/** What `traced` found is nothing that anybody notices. */
function fluent(what, { script, frames, longest, seconds }) {
  const perFrame = script / frames;
  console.log(
    `${what}, CPU time: script ${perFrame.toFixed(2)} ms a frame, longest task ${longest.cpu.toFixed(1)} ms (${longest.wall.toFixed(1)} ms by the clock); ${frames} frames, ${(frames / seconds).toFixed(0)} a second`,
  );
  assert.ok(frames > 10, `${frames} frames`);
  assert.ok(longest.cpu <= LONGEST_TASK_MS, `a task of ${longest.cpu} ms`);
  assert.ok(perFrame <= SCRIPT_PER_FRAME_MS, `${perFrame} ms of script per frame`);
}

/** Who stands elsewhere, or came, or went. */
const moved = (a, b) => [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((who) => a[who] !== b[who]).sort();

test('25 tiles: a speaker change is no long task, and levels cost next to nothing', { timeout: 60_000 }, async (t) => {
  const crowd = await Crowd.start(t, browser, 24, { viewport: { width: 1920, height: 1200 } });
  const { page, people } = crowd;
  assert.equal(await page.evaluate(() => document.querySelectorAll('[data-testid=tile]').length), 25);
  const standing = await crowd.places();
  await page.evaluate(() => {
    window.__rings = 0;
    const rings = new MutationObserver((all) => (window.__rings += all.length));
    for (const tile of document.querySelectorAll('[data-testid=tile]')) rings.observe(tile, { attributeFilter: ['data-speaking'] });
  });
  let tick = 0;
  // Ten times a second, others speak in between, and every two seconds somebody else has the floor.
  const turn = () => {
    const floor = people[Math.floor(tick / 20) % people.length];
    const others = people.filter((_, i) => (i * 7 + tick) % 11 === 0 && people[i] !== floor);
    crowd.speak([floor, ...others], floor);
    tick++;
  };
  const cost = await traced(page, () => measureFor(10_000, turn, 100));
  const rings = await page.evaluate(() => window.__rings);
  assert.ok(rings > 100, `rings changed only ${rings} times`);
  fluent(`25 tiles, ${rings} rings`, cost);
  assert.deepEqual(moved(standing, await crowd.places()), [], 'somebody moved although everybody is seen');
  assert.deepEqual(crowd.errors, []);
});

test('an off-page speaker changes places with one tile, but not under the pointer', { timeout: 60_000 }, async (t) => {
  const crowd = await Crowd.start(t, browser, 40, { viewport: { width: 1280, height: 800 } });
  const { page, people } = crowd;
  const speaker = people[35];
  const before = await crowd.places();
  assert.ok(Object.keys(before).length > 8 && !before[speaker.participantId], 'the speaker is not on the first page');
  // The first one was heard a moment ago, and another one has a hand up: both stay.
  crowd.speak([people[0]]);
  crowd.emit('call:hands', { hands: [people[1].userId], by: people[1].userId });
  await until('the first one speaks', 3_000, () => page.evaluate((who) => document.querySelector(`[data-participant="${who}"]`).dataset.speaking === 'true', people[0].participantId));

  const stage = await page.$(id('stage'));
  await stage.hover();
  const talk = () => crowd.speak([speaker]);
  const held = await measureFor(2_500, async () => (talk(), crowd.places()), 250);
  for (const look of held) assert.deepEqual(moved(before, look), [], 'moved under the pointer');
  assert.equal(await page.$eval(id('off-page-speaker'), (edge) => edge.textContent), `${speaker.name} is speaking`);

  await page.mouse.move(0, 0);
  let now;
  const cost = await traced(page, async () => {
    now = await until('the speaker is seen', 2_000, async () => (talk(), (await crowd.places())[speaker.participantId] ? crowd.places() : null));
    await measureFor(1_000, talk, 250);
  });
  fluent('swap', cost);
  const both = moved(before, now);
  console.log(`moved: ${both.join(', ')}`);
  assert.equal(both.length, 2);
  const gone = both.find((who) => who !== speaker.participantId);
  assert.equal(now[speaker.participantId], before[gone], 'in the place of who went');
  assert.equal(now[gone], undefined);
  assert.ok(![people[0].participantId, people[1].participantId].includes(gone), 'who was heard, or has a hand up, stays');
  await until('nobody is named at the edge', 2_000, async () => !(await page.$(id('off-page-speaker'))));
  // Only the speaker's picture begins, only that of the other one ends.
  const camera = people.find((person) => person.participantId === gone).camera;
  await until('the other picture ends', 4_000, () => crowd.asked.some(({ tracks }) => tracks.some((one) => one.trackId === camera && one.layer === 'off')));
  assert.deepEqual(crowd.errors, []);
});

test('who leaves keeps a place for a moment, then only the last one moves', { timeout: 60_000 }, async (t) => {
  const crowd = await Crowd.start(t, browser, 40, { viewport: { width: 1280, height: 800 } });
  const { page, people } = crowd;
  const before = await crowd.places();
  crowd.leave(people[3]);
  await until('the tile is gone', 3_000, async () => !(await crowd.places())[people[3].participantId]);
  assert.deepEqual(moved(before, await crowd.places()), [people[3].participantId], 'a hole stays');
  const last = people[39].participantId;
  const now = await until('the last one has come', 3_000, async () => ((await crowd.places())[last] ? crowd.places() : null));
  assert.deepEqual(moved(before, now), [people[3].participantId, last].sort());
  assert.equal(now[last], before[people[3].participantId]);
  // No element was made for it: the one that was free changed its source.
  assert.equal(await page.evaluate(() => document.querySelectorAll('[data-testid=tile] video').length), Object.keys(before).length);
  assert.deepEqual(crowd.errors, []);
});

test('only what is on the page is asked for, small first, all in few messages', { timeout: 60_000 }, async (t) => {
  const crowd = await Crowd.start(t, browser, 40, { viewport: { width: 1280, height: 800 } });
  const { page, people, asked } = crowd;
  const shown = new Set(Object.keys(await crowd.places()));
  const wants = () => asked.flatMap(({ tracks }) => tracks);
  const latest = () => Object.fromEntries(wants().map((one) => [one.trackId, one.layer]));
  const away = people.filter((person) => !shown.has(person.participantId));
  await until('nothing comes of who is not on the page', 5_000, () => Object.keys(latest()).length === 40 && away.every((person) => latest()[person.camera] === 'off'));
  for (const person of people) {
    const first = wants().find((one) => one.trackId === person.camera && one.layer !== 'off');
    if (shown.has(person.participantId)) assert.equal(first.layer, 0, `${person.name} was asked for small first`);
  }
  assert.ok(asked.length <= 10, `${asked.length} messages`);

  // The large one gets a large picture at once, and first.
  const pinned = people[2];
  await page.focus(`[data-participant="${pinned.participantId}"]`);
  await page.keyboard.press('Enter');
  await until('the pinned one is asked for in full', 3_000, () => latest()[pinned.camera] === 2);
  assert.equal(await page.$eval(id('stage'), (stage) => stage.dataset.mode), 'speaker');
  const wish = wants().findLast((one) => one.trackId === pinned.camera);
  assert.ok(wish.priority > 0, JSON.stringify(wish));

  // Ten seconds after the page is hidden nothing comes; the large one is back first.
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.__hidden === true });
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (window.__hidden ? 'hidden' : 'visible') });
    window.__hidden = true;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  const hiddenAt = performance.now();
  await until('all pictures stop', 13_000, () => Object.values(latest()).every((layer) => layer === 'off'));
  assert.ok(performance.now() - hiddenAt > 9_000, 'not at once');
  const count = asked.length;
  await page.evaluate(() => {
    window.__hidden = false;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await until('pictures come back', 3_000, () => asked.length >= count + 2);
  assert.deepEqual(asked[count].tracks.map((one) => one.trackId), [pinned.camera]);
  assert.deepEqual(crowd.errors, []);
});

test('tiles by keyboard: one tab stop, arrows, pin, menu, names', { timeout: 60_000 }, async (t) => {
  const crowd = await Crowd.start(t, browser, 8);
  const { page, people } = crowd;
  const focused = () => page.evaluate(() => document.activeElement?.dataset.participant ?? document.activeElement?.textContent);
  const stops = await page.$$eval('[data-testid=tile]', (tiles) => tiles.filter((tile) => tile.tabIndex === 0).length);
  assert.equal(stops, 1);
  assert.equal(await page.$$eval('.stage-area button, .stage-area select', (all) => all.filter((one) => one.tabIndex === 0 && !one.closest('[data-testid=tile]')?.matches('[tabindex="0"]')).length), 0, 'only the tile of the tab stop has more of them');
  await page.focus('[data-testid=tile][tabindex="0"]');
  assert.equal(await focused(), people[0].participantId);
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), people[1].participantId);
  await page.keyboard.press('ArrowDown');
  assert.equal(await focused(), people[4].participantId);
  await page.keyboard.press('Home');
  assert.equal(await focused(), people[0].participantId);
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.$eval(`[data-participant="${people[1].participantId}"]`, (tile) => tile.tabIndex), 0, 'the tab stop goes along');

  crowd.emit('voice:state_update', { userId: people[1].userId, participantId: people[1].participantId, voiceState: { muted: true, deafened: false, video: false, screen: false, handRaised: true } });
  crowd.emit('call:hands', { hands: [people[4].userId, people[1].userId], by: people[1].userId });
  const name = () => page.$eval(`[data-participant="${people[1].participantId}"]`, (tile) => tile.getAttribute('aria-label'));
  await until('the name tells all', 3_000, async () => (await name()) === 'Person 02, microphone off, camera off, hand raised 2nd');

  await page.keyboard.down('Shift');
  await page.keyboard.press('F10');
  await page.keyboard.up('Shift');
  await page.waitForSelector('[role=menu]');
  assert.equal(await focused(), 'Pin Person 02');
  await page.keyboard.press('Escape');
  await until('the menu is closed', 2_000, async () => !(await page.$('[role=menu]')));
  assert.equal(await page.evaluate(() => document.activeElement.closest('[data-testid=tile]').dataset.participant), people[1].participantId);

  await page.evaluate((region) => {
    window.said = [];
    new MutationObserver(() => window.said.push(document.querySelector(region).textContent)).observe(document.querySelector(region), { childList: true, characterData: true, subtree: true });
  }, id('announcer'));
  await page.focus(`[data-participant="${people[1].participantId}"]`);
  await page.keyboard.press('Enter');
  await until('it is large', 2_000, () => page.$eval(`[data-participant="${people[1].participantId}"]`, (tile) => tile.classList.contains('tile-main')));
  // After the hands, which are told first.
  await until('and said so', 5_000, () => page.evaluate(() => window.said.some((text) => text.includes('Person 02 is pinned'))));
  assert.deepEqual(crowd.errors, []);
});

test('speaker view: a change exchanges two, and two who alternate are both large', { timeout: 60_000 }, async (t) => {
  const crowd = await Crowd.start(t, browser, 8, { viewport: { width: 1280, height: 800 } });
  const { page, people } = crowd;
  await page.click(id('control-layout'));
  await page.mouse.move(0, 0);
  const large = () => page.$$eval('.tile-main', (all) => all.map((tile) => tile.dataset.participant));
  const turn = (person, n, ms) => until(`${n} large`, ms, async () => (crowd.speak([person]), (await large()).length === n && (await large()).includes(person.participantId)));
  await turn(people[2], 1, 3_000);
  const before = await crowd.places();
  fluent('change of the large one', await traced(page, () => turn(people[4], 1, 4_000)));
  assert.deepEqual(moved(before, await crowd.places()), [people[2].participantId, people[4].participantId].sort(), 'the strip stands still');
  await turn(people[2], 2, 4_000);
  assert.deepEqual((await large()).sort(), [people[2].participantId, people[4].participantId].sort());
  const boxes = await page.$$eval('.tile-main', (all) => all.map((tile) => `${tile.style.width} ${tile.style.height}`));
  assert.equal(boxes[0], boxes[1]);
  assert.deepEqual(crowd.errors, []);
});
