/**
 * The page as a running server delivers it, under its own content policy: sign in, lobby, call, mute, camera,
 * chat. Nothing may be refused, logged as an error, or seen late.
 *
 *   npm run build && convene serve --dev & CONVENE_URL=http://127.0.0.1:7880 node tests/real.mjs
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { launch, Person, tid } from './person.mjs';

const url = process.env.CONVENE_URL ?? 'http://127.0.0.1:7880';
const out = new URL('./out/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const browser = await launch();
const SOON = 1_000;
const figures = {};

try {
  const ana = await Person.signIn(url, browser, 'ana');
  const bo = await Person.signIn(url, browser, 'bo', { viewport: { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 } });
  assert.match(ana.policy, /require-trusted-types-for 'script'/);
  assert.doesNotMatch(ana.policy, /unsafe/);

  // A reader at the end of a channel has no unread mark there; on the phone the list is a page with landmark and title.
  await bo.page.waitForSelector('main h1');
  await ana.go('/c/general');
  await bo.go('/c/general');
  await bo.page.waitForSelector(tid('composer'));
  await bo.say(`Are we on? ${Date.now()}`);
  await ana.page.waitForFunction(() => [...document.querySelectorAll('[data-testid=message]')].some((m) => m.textContent.includes('Are we on?')));
  assert.equal(await ana.page.$('[data-channel-slug=general] .unread-dot'), null, 'no unread mark on the open channel');
  const asks = (person) => person.page.evaluate(() => !dispatchEvent(new Event('beforeunload', { cancelable: true })));
  assert.equal(await asks(ana), false, 'no question on leaving without a call');

  await ana.join('general');
  assert.equal(await asks(ana), false, 'no question while alone in a call');
  await bo.join('general');
  await Promise.all([ana.sees(1), bo.sees(1)]);
  assert.equal(await asks(ana), true, 'a question while in a call with others');

  const tile = (fact, value) => [(f, v) => document.querySelector('[data-testid=tile][data-user=bo][data-source=camera]')?.dataset[f] === v, fact, value];
  for (const round of [1, 2]) {
    await bo.click('control-camera');
    figures[`cameraOff${round}`] = await ana.within(SOON, 'avatar when the camera goes off', ...tile('video', 'false'));
    assert.ok(await ana.page.$('[data-user=bo] .tile-avatar'), 'avatar covers the last picture');
    const open = await bo.page.evaluate(() => window.__opened.filter((t) => t.kind === 'video' && t.readyState === 'live').length);
    assert.equal(open, 0, 'the camera is closed');
    const sends = await bo.page.evaluate(() => window.__convene.pc.getSenders().some((s) => s.track?.kind === 'video'));
    assert.equal(sends, false, 'no video is sent');
    await bo.click('control-camera');
    figures[`cameraOn${round}`] = await ana.within(3 * SOON, 'picture when the camera is back', ...tile('video', 'true'));
  }
  await bo.click('control-mic');
  figures.mute = await ana.within(SOON, 'mute is seen', ...tile('muted', 'true'));
  await bo.click('control-mic');
  figures.unmute = await ana.within(SOON, 'unmute is seen', ...tile('muted', 'false'));

  // What is off is off in both places: the voice state now, and the next offer, which a share of the other brings.
  const line = (source) => bo.lastSent('rtc:offer').tracks.find((t) => t.source === source)?.muted;
  await bo.click('control-camera');
  await bo.click('control-mic');
  await ana.within(SOON, 'camera and microphone are off', () => {
    const { video, muted } = document.querySelector('[data-testid=tile][data-user=bo][data-source=camera]').dataset;
    return video === 'false' && muted === 'true';
  });
  assert.deepEqual([bo.lastSent('voice:update').video, bo.lastSent('voice:update').muted], [false, true]);
  await ana.click('control-screen');
  await bo.page.waitForSelector('[data-source=screen][data-video=true]');
  assert.deepEqual([line('camera'), line('mic')], [true, true], 'the offer says what is off');
  await ana.click('control-screen');
  await bo.within(SOON, 'the share ends', () => !document.querySelector('[data-source=screen]'));
  await bo.click('control-camera');
  await bo.click('control-mic');
  figures.bothOn = await ana.within(3 * SOON, 'both are back', () => {
    const { video, muted } = document.querySelector('[data-testid=tile][data-user=bo][data-source=camera]').dataset;
    return video === 'true' && muted === 'false';
  });
  await bo.page.waitForFunction(() => window.__convene.pc.signalingState === 'stable');
  assert.equal(line('camera'), false, 'and what is on again');

  // The quality of a track can be chosen at every size.
  for (const person of [ana, bo]) {
    await person.click('control-stats');
    await person.page.waitForSelector(`${tid('stats-panel')} ${tid('layer-select')}`, { visible: true });
    await person.page.screenshot({ path: `${out}/real-stats-${person.username}.png` });
  }
  for (const layer of ['0', '1']) {
    await ana.page.select(`${tid('stats-panel')} ${tid('layer-select')}`, layer);
    await ana.within(3 * SOON, `layer ${layer} arrives`, (l) => window.__convene.call.tracks.some((t) => t.source === 'camera' && t.current === Number(l)), layer);
  }
  await ana.click('control-screen');
  await bo.page.waitForSelector('[data-source=screen][data-video=true]');
  await bo.page.click(`${tid('stats-panel')} header button`);
  const clipped = await bo.page.evaluate(() => [...document.querySelectorAll('.layer-select')].filter((s) => s.scrollWidth > s.clientWidth + 1).length);
  assert.equal(clipped, 0, 'no clipped choice');
  await bo.page.screenshot({ path: `${out}/real-share-phone.png` });
  await ana.page.screenshot({ path: `${out}/real-share-wide.png` });
  await ana.click('control-leave');
  figures.leave = await bo.within(SOON, 'leaving is seen', () => !document.querySelector('[data-testid=tile][data-user=ana]'));
  await bo.click('control-leave');
  await bo.page.waitForFunction(() => window.__opened.every((t) => t.readyState === 'ended'));

  assert.deepEqual([...(await ana.allProblems()), ...(await bo.allProblems())], []);
  console.log('ok', JSON.stringify(figures));
} finally {
  await browser.close();
}
