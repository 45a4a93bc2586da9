// Sharing a screen so that nobody forgets it, and leaving with one click.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { textOf } from './lib/lab.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Runs before the page: a screen of the kind that `window.surface` says, and what was asked for. */
function screens() {
  window.surface = 'window';
  window.asked = [];
  window.shared = [];
  if (!navigator.mediaDevices) return;
  navigator.mediaDevices.getDisplayMedia = async (options) => {
    window.asked.push(options);
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const pen = canvas.getContext('2d');
    setInterval(() => {
      pen.fillStyle = `hsl(${(performance.now() / 20) % 360} 60% 40%)`;
      pen.fillRect(0, 0, 640, 360);
    }, 100);
    const video = canvas.captureStream(10).getVideoTracks()[0];
    const { surface } = window;
    video.getSettings = () => ({ displaySurface: surface });
    const context = new AudioContext();
    const audio = new MediaStreamAudioDestinationNode(context).stream.getAudioTracks()[0];
    window.shared.push({ video, audio });
    return new MediaStream([video, audio]);
  };
}

const sent = (person) => person.page.evaluate(() => window.__convene.pc.getSenders().filter((sender) => sender.track?.kind === 'video').length);
const frames = async (person) => (await person.received()).find((row) => row.source === 'screen')?.framesDecoded ?? 0;

test('the bar says what is shared; it pauses, switches and stops', { timeout: 30_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana', { prepare: screens });
  const bo = await Person.signIn(server, browser, 'bo');
  await ana.join('general', { camera: false });
  await bo.join('general', { camera: false });
  await ana.click('control-screen');
  await ana.page.waitForSelector('[data-testid="share-bar"]');
  assert.match(await textOf(ana.page, 'share-bar'), /You are sharing a window Text Motion Pause Stop Switch/);
  await until('the title says so', 3_000, async () => (await ana.page.title()).startsWith('● Sharing: '));
  assert.match(await ana.page.evaluate(() => document.querySelector('link[rel=icon]').href), /favicon-live/);
  const asked = await ana.page.evaluate(() => {
    const { controller, selfBrowserSurface, surfaceSwitching, systemAudio, windowAudio } = window.asked[0];
    return { controller: controller?.constructor.name, selfBrowserSurface, surfaceSwitching, systemAudio, windowAudio };
  });
  assert.deepEqual(asked, { controller: 'CaptureController', selfBrowserSurface: 'exclude', surfaceSwitching: 'include', systemAudio: 'include', windowAudio: 'window' });
  const thumb = await (await ana.page.$('[data-testid="share-thumb"]')).boundingBox();
  assert.ok(thumb.width > 100 && thumb.width <= 200, `${thumb.width} px`);
  assert.equal(await ana.page.evaluate(() => document.querySelectorAll('[data-testid="tile"][data-self="true"][data-source="screen"]').length), 0, 'no tile of my own screen');
  await until('bo sees it', 10_000, async () => (await frames(bo)) > 2);

  const hint = () => ana.page.evaluate(() => window.shared.at(-1).video.contentHint);
  assert.equal(await hint(), 'detail');
  await ana.click('share-motion');
  await until('it is sent for motion', 3_000, async () => (await hint()) === 'motion');

  await ana.click('share-pause');
  await until('nothing is sent', 3_000, async () => (await sent(ana)) === 0);
  assert.match(await textOf(ana.page, 'share-bar'), /Sharing is paused. Others keep the last picture. .*Resume/);
  assert.ok((await bo.tracks((track) => track.source === 'screen')).length === 1, 'it is still there for bo');
  const paused = await frames(bo);
  await ana.click('share-pause');
  await until('it goes on', 10_000, async () => (await frames(bo)) > paused + 1);

  // A whole screen has the call's own sound in it, and this browser does not say that it took it out.
  await ana.page.evaluate(() => void (window.surface = 'monitor'));
  const [track] = await bo.tracks((one) => one.source === 'screen');
  await ana.click('share-switch');
  await until('it is another one', 5_000, async () => /You are sharing your screen/.test(await textOf(ana.page, 'share-bar')));
  assert.deepEqual(await ana.page.evaluate(() => window.shared.map(({ video, audio }) => [video.readyState, audio.readyState])), [['ended', 'ended'], ['live', 'ended']]);
  assert.match(await textOf(ana.page, 'toasts'), /The sound was left out, because others would have heard themselves/);
  assert.equal((await bo.tracks((one) => one.source === 'screen'))[0].trackId, track.trackId, 'the same track for the others');

  await ana.click('share-stop');
  await until('the bar is gone', 3_000, async () => !(await ana.has('share-bar')));
  assert.ok(!(await ana.page.title()).includes('Sharing'));
  assert.ok(!/live/.test(await ana.page.evaluate(() => document.querySelector('link[rel=icon]').href)));
  await until('bo sees that it ended', 5_000, async () => (await bo.tracks((one) => one.source === 'screen')).length === 0);
  await ana.leave();
  await bo.leave();
  await Promise.all([ana, bo].map((one) => one.close()));
});

test('leaving is one click and can be undone for a minute; ending it for all takes two in one place', { timeout: 30_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo');
  await ana.join('general', { camera: false });
  await bo.join('general', { camera: false });
  await until('both are there', 10_000, async () => (await ana.call()).participants.length === 2);
  await bo.click('control-mic');
  await bo.click('control-leave');
  await until('bo is out', 3_000, async () => (await bo.call()).phase === 'idle');
  // Wherever bo goes.
  await goto(bo, '/calls');
  await bo.page.waitForSelector('[data-testid="rejoin-bar"]');
  assert.match(await textOf(bo.page, 'rejoin-bar'), /You left the call. Rejoin/);
  await bo.click('call-rejoin');
  await bo.connected();
  assert.equal(await bo.page.evaluate(() => window.__convene.local.micOn), false, 'as it was');
  assert.equal(await bo.has('rejoin-bar'), false);

  assert.equal(await bo.has('control-leave-more'), false, 'who hosts nothing ends nothing');
  await ana.click('control-leave-more');
  await ana.page.waitForSelector('[data-testid="menu-end-call"]');
  const place = async () => (await ana.page.$('[data-testid="menu-end-call"]')).boundingBox();
  const where = await place();
  assert.equal(await textOf(ana.page, 'menu-end-call'), 'End for everyone');
  await ana.click('menu-end-call');
  await until('it asks again', 2_000, async () => (await textOf(ana.page, 'menu-end-call')) === 'Press again to end for everyone');
  assert.deepEqual(await place(), where, 'in the same place');
  assert.equal((await bo.call()).phase, 'joined', 'nothing has ended');
  await ana.click('menu-end-call');
  await until('it has ended for both', 5_000, async () => (await ana.call()).phase === 'idle' && (await bo.call()).phase === 'idle');
  await Promise.all([ana, bo].map((one) => one.close()));
});
