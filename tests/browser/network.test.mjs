// What the page says of a network that is too slow, what it does about it, and how data is saved. What the server would
// measure comes from a stand-in for it; the clock of the page is moved on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Crowd } from './lib/crowd.mjs';
import { textOf } from './lib/lab.mjs';
import { until } from './lib/wait.mjs';

let browser;
before(async () => {
  browser = await launchChromium({ viewport: null });
});
after(() => browser?.close());

const id = (name) => `[data-testid=${name}]`;

/** Ana and two others; `quality(…)` is what the server says of her, `later(ms)` moves her clock. */
async function start(t, others = 2) {
  const crowd = await Crowd.start(t, browser, others, { viewport: { width: 1280, height: 800 } });
  const { page } = crowd;
  await page.evaluate(() => {
    let ahead = 0;
    const now = performance.now.bind(performance);
    performance.now = () => now() + ahead;
    window.later = (ms) => void (ahead += ms);
  });
  const me = await page.evaluate(() => window.__convene.call.participantId);
  const quality = (part = {}, participantId = me, userId = crowd.ana) =>
    crowd.emit('call:quality', { participants: [{ userId, participantId, score: 80, mos: 4.2, loss: 0, jitter: 5, rtt: 20, issues: [], ...part }] });
  /** The same news for so many seconds, as often as it comes. */
  let news = 0;
  const tell = async (part) => {
    const rtt = 20 + ++news;
    quality({ ...part, rtt });
    await until('it is heard', 3_000, () => page.evaluate((who, number) => window.__convene.call.quality.get(who)?.rtt === number, me, rtt));
  };
  const during = async (seconds, part) => {
    for (let at = 0; at < seconds; at += 5) {
      await tell(part);
      await page.evaluate((ms) => window.later(ms), Math.min(5, seconds - at) * 1_000);
    }
    await tell(part);
  };
  const latest = () => Object.assign({}, ...crowd.asked.flatMap(({ tracks }) => tracks.map((one) => ({ [one.trackId]: one.layer }))));
  const spoken = (pattern) => until(`it is said: ${pattern}`, 5_000, async () => pattern.test(await page.$eval(id('announcer'), (node) => node.textContent)));
  return { ...crowd, crowd, page, people: crowd.people, quality, during, latest, spoken };
}
/** Settings are loaded when they are opened. */
const settings = async (page, ...switches) => {
  await page.click(id('control-devices'));
  for (const one of switches) await (await page.waitForSelector(id(one), { timeout: 5_000 })).click();
  await page.keyboard.press('Escape');
  await until('they are closed', 3_000, async () => !(await page.$(id('devices'))));
};
const word = (page) => page.evaluate(() => document.querySelector('[data-testid=network-word]')?.dataset.word ?? '');
const SLOW = { score: 60, issues: ['low_bandwidth'] };
const STARVED = { score: 30, loss: 0.2, issues: ['high_loss_down'] };

test('slow is said after eight seconds, with one way out; what was said goes without a word', { timeout: 60_000 }, async (t) => {
  const { page, during, latest, spoken, crowd } = await start(t);
  await during(7, SLOW);
  assert.equal(await word(page), '');
  await during(2, SLOW);
  await until('it is said', 3_000, async () => (await word(page)) === 'slow');
  assert.match(await textOf(page, 'network-word'), /^Your internet is slow. We lowered the incoming video to keep sound clear. Stop incoming video/);
  await spoken(/Your internet is slow/);
  await page.click(id('stop-video'));
  await until('no pictures are asked for', 3_000, () => Object.values(latest()).every((layer) => layer === 'off'));
  assert.equal(await textOf(page, 'sound-only'), 'Sound only. No pictures are received. Show video');
  assert.equal(await word(page), '', 'one word at a time');
  await page.evaluate(() => [...document.querySelectorAll('[data-testid=sound-only] button')][0].click());
  await until('pictures are asked for again', 3_000, () => Object.values(latest()).some((layer) => layer !== 'off'));
  assert.equal(await word(page), 'slow');
  await during(5);
  await until('it is no longer said', 3_000, async () => (await word(page)) === '');
  assert.equal(await page.$eval(id('toasts'), (node) => node.textContent), '', 'no word that it is well');

  // Closed, it is silent for the rest of the call.
  await during(9, SLOW);
  await until('it is said', 3_000, async () => (await word(page)) === 'slow');
  await page.evaluate(() => document.querySelector('[data-testid=network-word] [aria-label=Close]').click());
  await during(6, SLOW);
  assert.equal(await word(page), '');
  assert.deepEqual(crowd.errors, []);
});

test('sound only after fifteen seconds, and pictures return by themselves', { timeout: 60_000 }, async (t) => {
  const { page, during, latest, spoken, people, crowd } = await start(t);
  await during(14, STARVED);
  await until('it is slow so far', 3_000, async () => (await word(page)) === 'slow');
  assert.ok(Object.values(latest()).some((layer) => layer !== 'off'));
  await during(2, STARVED);
  await until('it is said', 3_000, async () => (await word(page)) === 'starved');
  assert.match(await textOf(page, 'network-word'), /^Sound only for now. Video returns when it improves.$/);
  await spoken(/Sound only for now/);
  await until('no pictures are asked for', 3_000, () => Object.values(latest()).every((layer) => layer === 'off'));
  // A frozen picture, never a black one.
  assert.equal(await page.$eval(`[data-participant="${people[0].participantId}"]`, (tile) => tile.dataset.video), 'true');
  await during(8);
  assert.equal(await word(page), 'starved');
  await during(3);
  await until('pictures return', 3_000, () => Object.values(latest()).some((layer) => layer !== 'off'));
  assert.equal(await word(page), '');
  assert.deepEqual(crowd.errors, []);
});

test('a weak connection of somebody else is told on their tile alone', { timeout: 60_000 }, async (t) => {
  const { page, quality, people: [weak, fine], crowd } = await start(t);
  quality({ score: 40, issues: ['high_loss_up'] }, weak.participantId, weak.userId);
  const note = ({ participantId }) => page.$eval(`[data-participant="${participantId}"]`, (tile) => tile.querySelector('[data-testid=tile-note]')?.textContent ?? '');
  await until('it is told', 3_000, async () => (await note(weak)) === `${weak.name}’s connection is weak`);
  assert.deepEqual([await note(fine), await word(page)], ['', '']);
  assert.match(await page.$eval(`[data-participant="${weak.participantId}"]`, (tile) => tile.getAttribute('aria-label')), /weak connection/);
  quality({}, weak.participantId, weak.userId);
  await until('and no longer', 3_000, async () => (await note(weak)) === '');
  assert.deepEqual(crowd.errors, []);
});

test('a busy computer is told after ten seconds, and its picture can be smaller', { timeout: 60_000 }, async (t) => {
  const { page, crowd, spoken } = await start(t);
  await page.click(id('control-camera'));
  await until('the camera is sent', 5_000, () => page.evaluate(() => window.__convene.pc.getTransceivers().some((one) => one.kind === 'video' && one.direction === 'sendonly')));
  await page.evaluate(() => {
    window.sent = [];
    const pc = window.__convene.pc;
    const camera = pc.getTransceivers().find((one) => one.kind === 'video' && one.direction === 'sendonly');
    const encodings = ['q', 'h', 'f'].map((rid) => ({ rid, active: true }));
    camera.sender.getParameters = () => ({ encodings });
    camera.sender.setParameters = async (parameters) => void window.sent.push(parameters.encodings.map((one) => one.active));
    const arriving = pc.getStats.bind(pc);
    pc.getStats = async () => (await arriving()).set('out', { id: 'out', type: 'outbound-rtp', kind: 'video', mid: camera.mid, rid: 'f', timestamp: performance.now(), qualityLimitationReason: 'cpu' });
  });
  await until('the numbers are read', 5_000, () => page.evaluate(() => window.__convene.call.stats?.tracks[0]?.limited === 'cpu'));
  assert.equal(await page.$(id('computer-busy')), null);
  await page.evaluate(() => window.later(10_000));
  await page.waitForSelector(id('computer-busy'), { timeout: 5_000 });
  assert.match(await textOf(page, 'computer-busy'), /^This computer is busy. Others may see your picture stutter. Make my video small/);
  await spoken(/This computer is busy/);
  await page.click(id('send-small'));
  await until('the large layer is not sent', 3_000, () => page.evaluate(() => String(window.sent.at(-1)) === 'true,true,false'));
  assert.equal(await page.$(id('computer-busy')), null);
  await spoken(/Your video is sent small/);
  assert.equal(await page.evaluate(() => localStorage['convene.saveMine']), 'on');

  // The switches stand together, and each works alone.
  await page.click(id('control-devices'));
  await page.waitForSelector(id('save-mine'), { timeout: 5_000 });
  assert.deepEqual(await page.$$eval('[data-testid^=save-]', (all) => all.map((one) => [one.dataset.testid, one.checked])), [['save-mine', true], ['save-cameras', false], ['save-screens', false]]);
  await page.click(id('save-mine'));
  await until('the large layer is sent again', 3_000, () => page.evaluate(() => String(window.sent.at(-1)) === 'true,true,true'));
  assert.deepEqual(crowd.errors, []);
});

test('cameras or screens of others are left out on their own', { timeout: 60_000 }, async (t) => {
  const { page, latest, people: [first], crowd } = await start(t);
  const screen = { trackId: 's-01', userId: first.userId, participantId: first.participantId, kind: 'video', source: 'screen', codec: 'VP8', layers: 1, muted: false };
  crowd.emit('rtc:track', { state: 'published', ...screen });
  const asked = (cameras, shared) =>
    until(`cameras ${cameras}, screens ${shared}`, 4_000, () => {
      const now = latest();
      return crowd.people.some(({ camera }) => now[camera] !== 'off') === cameras && (now['s-01'] !== 'off') === shared;
    });
  await asked(true, true);
  await settings(page, 'save-cameras');
  await asked(false, true);
  await settings(page, 'save-screens');
  await asked(false, false);
  await settings(page, 'save-cameras');
  await asked(true, false);
  assert.equal(await page.$eval(`[data-participant="${first.participantId}"][data-source=screen]`, (tile) => tile.querySelector('[data-testid=tile-note]').textContent), 'Not shown, to save data');
  assert.deepEqual(crowd.errors, []);
  // Of this browser, for whoever comes next.
  await page.evaluate(() => localStorage.clear());
});

test('who comes and goes is told in a small call, once in three seconds, and can be switched off', { timeout: 60_000 }, async (t) => {
  const { page, crowd, people } = await start(t, 1);
  await page.evaluate(() => {
    window.notes = 0;
    const { start } = OscillatorNode.prototype;
    // Those of coming and going: time that jumps ahead looks like a lost connection too, which has notes of its own.
    OscillatorNode.prototype.start = function (...rest) {
      if ([698.46, 466.16].some((hz) => Math.abs(this.frequency.value - hz) < 0.1)) window.notes++;
      return start.apply(this, rest);
    };
    window.lines = [];
    const look = () => {
      const text = document.querySelector('[data-testid=coming-line]')?.textContent;
      if (text && text !== window.lines.at(-1)) window.lines.push(text);
      requestAnimationFrame(look);
    };
    look();
  });
  await page.evaluate(() => window.later(10_000));
  await crowd.come(1);
  await until('it is told', 3_000, () => page.evaluate(() => window.lines.at(-1) === 'Person 02 joined'));
  await crowd.come(2);
  crowd.leave(people[0]);
  await until('the next ones together', 6_000, () => page.evaluate(() => window.lines.at(-1) === 'Person 03 and Person 04 joined · Person 01 left'));
  assert.equal(await page.evaluate(() => window.notes), 2);
  await until('for a moment only', 6_000, async () => (await page.$(id('coming-line'))) === null);

  await settings(page, 'tell-comings');
  await page.evaluate(() => window.later(10_000));
  crowd.leave(people[1]);
  await until('the tile is gone', 5_000, () => page.evaluate((one) => !window.__convene.call.participants.some((p) => p.participantId === one), people[1].participantId));
  assert.equal(await page.evaluate(() => window.notes), 2);
  await settings(page, 'tell-comings');

  // In a large one nobody wants to know.
  await page.evaluate(() => window.later(10_000));
  const before = await page.evaluate(() => window.lines.length);
  for (let n = 0; n < 8; n++) crowd.emit('call:participant_joined', { participant: crowd.mock.api.person({ id: `u-x${n}`, name: `Late ${n}` }, `p-x${n}`, {}) });
  await until('they are there', 5_000, () => page.evaluate(() => window.__convene.call.participants.length > 8));
  await page.evaluate(() => window.later(10_000));
  crowd.emit('call:participant_left', { userId: 'u-x7', participantId: 'p-x7', reason: 'left' });
  await until('one is gone', 5_000, () => page.evaluate(() => !window.__convene.call.participants.some((p) => p.participantId === 'p-x7')));
  assert.ok((await page.evaluate(() => window.lines.length)) <= before + 1, 'at most who came while it was small');
  assert.deepEqual(crowd.errors, []);
});
