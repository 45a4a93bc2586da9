// What the page says and does about microphones and cameras that are refused, lost, silent or muted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { arrange, textOf, toasts, withLab } from './lib/lab.mjs';
import { Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

const AGENTS = {
  chrome: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  chromeMac: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  safari: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15',
};
const HEADSET = ['audioinput', 'headset', 'Headset', 'headset'];

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

const signIn = (username, options = {}) => Person.signIn(server, browser, username, { before: withLab, camera: null, ...options });
const local = (person) => person.page.evaluate(() => ({ ...window.__convene.local }));
const lab = (person, run, ...args) => person.page.evaluate(run, ...args);
const gone = (person, testid, ms = 5_000) => until(`${testid} is gone`, ms, async () => !(await person.has(testid)));

/** The lobby as somebody finds it who opens the page like this. */
async function lobby(person, start, agent) {
  await arrange(person.page, start);
  if (agent) await person.page.setUserAgent(agent);
  await person.page.goto(`${server.url}/lobby/general${start.video ? '?video=1' : ''}`);
  await person.page.waitForSelector('[data-testid="lobby"]');
}

async function row(person, kind, problem) {
  await person.page.waitForSelector(`[data-testid="permission-${kind}"][data-problem="${problem}"]`, { timeout: 5_000 });
  // Whatever is wrong with devices, nobody is kept out.
  assert.equal(await person.page.evaluate(() => document.querySelector('[data-testid="lobby-listen"]').disabled), false);
  return textOf(person.page, `permission-${kind}`);
}

test('every row of the permission table has its own words and its own way out', { timeout: 60_000 }, async () => {
  const ana = await signIn('ana');

  await lobby(ana, { permission: 'prompt' }, AGENTS.chrome);
  assert.match(await row(ana, 'mic', 'notAsked'), /Your browser will ask for the microphone.*Allow microphone/);
  assert.deepEqual(await lab(ana, () => window.lab.asked), [], 'nobody was asked before somebody pressed');
  assert.ok(await ana.page.evaluate(() => document.querySelector('.prompt-picture').checkVisibility()), 'a picture of the question');
  await ana.click('allow-mic');
  await until('the microphone is open', 5_000, async () => (await local(ana)).micOn);
  assert.deepEqual(await lab(ana, () => window.lab.asked), ['microphone'], 'the camera was not asked for');
  await gone(ana, 'permission-mic');
  assert.equal(await ana.page.evaluate(() => document.querySelector('[data-testid="pick-mic"]').selectedOptions[0].textContent), 'Built-in Microphone', 'names come with the permission');

  await lobby(ana, { permission: 'denied' }, AGENTS.chrome);
  assert.match(await row(ana, 'mic', 'denied'), /Click the icon left of the address, set Microphone to Allow/);
  // Allowed in the address bar: it goes on without loading the page again.
  await lab(ana, () => window.lab.allow('microphone', 'granted'));
  await until('the microphone opens by itself', 5_000, async () => (await local(ana)).micOn);
  await gone(ana, 'permission-mic');

  await lobby(ana, { refuse: { microphone: ['NotAllowedError', 'The request is not allowed by the user agent'] }, permission: 'prompt' }, AGENTS.firefox);
  await ana.click('allow-mic');
  assert.match(await row(ana, 'mic', 'denied'), /crossed microphone in the address bar, remove Blocked.*Remember.*Try again/);

  await lobby(ana, { refuse: { microphone: ['NotAllowedError', 'The request is not allowed'] }, permission: 'prompt' }, AGENTS.safari);
  await ana.click('allow-mic');
  assert.match(await row(ana, 'mic', 'denied'), /Website Settings.*Allow.*Reload/);

  await lobby(ana, { refuse: { microphone: ['NotAllowedError', 'Permission dismissed'] }, permission: 'prompt' }, AGENTS.chrome);
  await ana.click('allow-mic');
  assert.match(await row(ana, 'mic', 'dismissed'), /closed without an answer.*Allow microphone/);
  // Chromium blocks after the third time, and the same button would do nothing.
  await ana.click('allow-mic');
  await until('it was asked twice', 5_000, () => lab(ana, () => window.lab.asked.length === 2));
  assert.match(await row(ana, 'mic', 'dismissed'), /closed without an answer/);
  await ana.click('allow-mic');
  assert.match(await row(ana, 'mic', 'denied'), /left of the address/);

  await lobby(ana, { refuse: { microphone: ['NotAllowedError', 'Permission denied by system'] } }, AGENTS.chromeMac);
  assert.match(await row(ana, 'mic', 'system'), /Privacy & Security, Microphone.*restart the browser/);
  await lobby(ana, { refuse: { microphone: ['NotAllowedError', 'Permission denied by system'] } }, AGENTS.chrome);
  assert.match(await row(ana, 'mic', 'system'), /Windows blocks the microphone/);

  await lobby(ana, { refuse: { camera: ['NotFoundError', 'Requested device not found'] }, video: true }, AGENTS.chrome);
  assert.equal(await row(ana, 'camera', 'missing'), 'No camera found. You can still join.');
  assert.equal(await ana.page.evaluate(() => document.querySelector('[data-testid="permission-camera"]').classList.contains('note-warn')), false, 'no colour of errors');

  await lobby(ana, { refuse: { camera: ['NotReadableError', 'Could not start video source'] }, video: true }, AGENTS.chrome);
  assert.match(await row(ana, 'camera', 'busy'), /Another app is using your camera. Close it, then try again. Try again/);
  // The other app was closed.
  await lab(ana, () => delete window.lab.refuse.camera);
  await ana.click('allow-camera');
  await until('the camera is open', 5_000, async () => (await local(ana)).cameraOn);
  await gone(ana, 'permission-camera');

  // The remembered device is gone: silently the default, and a word about it.
  await ana.page.evaluate(() => localStorage.setItem('convene.mic', 'an-old-headset'));
  await lobby(ana, {}, AGENTS.chrome);
  await until('the default is open', 5_000, async () => (await local(ana)).micDevice === 'built-in');
  assert.equal(await ana.has('permission-mic'), false);
  assert.match(await toasts(ana.page), /The device you picked is not connected. Now using Built-in Microphone/);
  await ana.close();
});

test('who refuses every device joins to listen', { timeout: 30_000 }, async () => {
  const ana = await signIn('ana');
  await lobby(ana, { permission: 'denied' });
  await row(ana, 'mic', 'denied');
  await ana.click('lobby-listen');
  await ana.connected();
  assert.deepEqual([(await local(ana)).micOn, await lab(ana, () => window.lab.asked)], [false, []]);
  await ana.leave();
  await ana.close();
});

async function joined(username, start = {}) {
  const person = await signIn(username);
  await arrange(person.page, start);
  await person.page.reload();
  await person.page.waitForSelector('.shell');
  await until('it is connected', 10_000, () => person.page.evaluate(() => window.__convene?.session.phase === 'ready'));
  await person.join('general', { camera: false });
  return person;
}

async function pick(person, testid, value) {
  await person.click('control-devices');
  await person.page.waitForSelector(`[data-testid="${testid}"]`);
  await person.page.select(`[data-testid="${testid}"]`, value);
  await person.page.keyboard.press('Escape');
  await gone(person, 'devices');
}

test('a headset that is pulled is replaced within a second and returned to when it is back; a new one is offered', { timeout: 30_000 }, async () => {
  const output = ['audiooutput', 'headset-out', 'Headset', 'headset'];
  const ana = await joined('ana', { plugged: [HEADSET, output] });
  await pick(ana, 'pick-mic', 'headset');
  const outputs = () => ana.page.evaluate(() => [...new Set([...document.querySelectorAll('audio')].map((audio) => audio.sinkId))].join());
  await pick(ana, 'pick-speaker', 'headset-out');
  await until('it is heard there', 5_000, async () => (await outputs()) === 'headset-out');
  await until('the headset is used', 5_000, async () => (await local(ana)).micDevice === 'headset');

  const started = await ana.page.evaluate(() => {
    window.lab.unplug('headset');
    return performance.now();
  });
  await ana.page.waitForFunction(() => window.__convene.local.micDevice === 'built-in' && window.__convene.local.micLive, { polling: 20, timeout: 5_000 });
  const took = (await ana.page.evaluate(() => performance.now())) - started;
  assert.ok(took < 1_000, `it took ${Math.round(took)} ms`);
  assert.match(await toasts(ana.page), /Headset disconnected. Now using Built-in Microphone. Change/);
  const sent = () => ana.page.evaluate(() => window.__convene.pc.getSenders().find((sender) => sender.track?.kind === 'audio')?.track.label);
  await until('the other microphone is sent', 5_000, async () => (await sent()) === 'Built-in Microphone');

  await lab(ana, () => window.lab.unplug('headset-out'));
  await until('it is heard on the system’s speaker', 5_000, async () => (await outputs()) === '');
  await lab(ana, (one) => window.lab.plug(window.lab.device(...one)), output);
  await until('and on the headset when that is back', 5_000, async () => (await outputs()) === 'headset-out');

  // [Change] goes where it can be changed, and there it says what is used.
  await ana.page.evaluate(() => [...document.querySelectorAll('[data-testid="toasts"] button')].find((button) => button.textContent === 'Change').click());
  await ana.page.waitForSelector('[data-testid="pick-mic"]');
  assert.equal(await ana.page.evaluate(() => document.querySelector('[data-testid="pick-mic"]').value), 'built-in');
  await ana.page.keyboard.press('Escape');
  await gone(ana, 'devices');

  await lab(ana, (one) => window.lab.plug(window.lab.device(...one)), HEADSET);
  await until('the headset is used again', 5_000, async () => (await local(ana)).micDevice === 'headset');
  assert.match(await toasts(ana.page), /Headset is back and in use/);

  await lab(ana, () => window.lab.plug(window.lab.device('audioinput', 'usb', 'USB Microphone', 'usb')));
  await until('it is offered', 5_000, async () => /USB Microphone is connected. Use it/.test(await toasts(ana.page)));
  assert.equal((await local(ana)).micDevice, 'headset', 'nothing was switched');
  await ana.page.evaluate(() => [...document.querySelectorAll('[data-testid="toasts"] button')].find((button) => button.textContent === 'Use it').click());
  await until('it is used once somebody says so', 5_000, async () => (await local(ana)).micDevice === 'usb');
  await ana.leave();
  await ana.close();
});

test('a microphone that gives nothing is noticed, and a muted one that is talked into', { timeout: 30_000 }, async () => {
  const ana = await joined('ana');
  await lab(ana, () => window.lab.speak(0));
  await ana.page.waitForSelector('[data-testid="mic-silent"]', { timeout: 8_000 });
  assert.equal(await textOf(ana.page, 'mic-silent'), 'Your microphone sends no sound. Check the switch on the headset.');
  await lab(ana, () => window.lab.speak(0.3));
  await gone(ana, 'mic-silent');

  // Muted on purpose, and still in the middle of a sentence: nothing is said.
  await ana.click('control-mic');
  await until('it is muted', 5_000, async () => !(await local(ana)).micLive);
  await measureFor(300, () => ana.has('talk-bubble'), 100);
  await lab(ana, () => window.lab.skip(8_000));
  await measureFor(1_000, async () => assert.equal(await ana.has('talk-bubble'), false), 100);
  await lab(ana, () => window.lab.skip(2_000));
  await ana.page.waitForSelector('[data-testid="talk-bubble"]', { timeout: 5_000 });
  assert.match(await textOf(ana.page, 'talk-bubble'), /You are muted. Nobody hears you. Don’t show again/);
  assert.equal((await local(ana)).micLive, false, 'it is still muted');
  await ana.click('talk-never');
  await gone(ana, 'talk-bubble');
  assert.equal(await ana.page.evaluate(() => localStorage.getItem('convene.talkNotice')), 'off');
  await ana.leave();
  await ana.close();
});

test('a host can mute and I can undo it; silencing everything gives the microphone back as it was', { timeout: 30_000 }, async () => {
  const ana = await joined('ana');
  const bo = await joined('bo');
  const { callId } = await ana.call();
  await server.post('ana', `calls/${callId}/participants/${await bo.userId()}/mute`, {});
  await until('bo is muted', 5_000, async () => !(await local(bo)).micLive);
  assert.equal(await textOf(bo.page, 'mic-moderated'), 'A host muted you. Press the microphone to be heard again.');
  assert.equal(await bo.page.evaluate(() => document.querySelector('[data-testid="control-mic"]').getAttribute('aria-pressed')), 'false');
  await bo.click('control-deafen');
  await bo.click('control-deafen');
  assert.equal((await local(bo)).micLive, false, 'hearing again does not undo a host');
  await bo.click('control-mic');
  await until('bo is heard', 5_000, async () => (await local(bo)).micLive);
  assert.equal(await bo.has('mic-moderated'), false);

  for (const on of [true, false]) {
    if (!on) await bo.click('control-mic');
    await bo.click('control-deafen');
    assert.equal((await local(bo)).micLive, false, 'silenced');
    await bo.click('control-deafen');
    assert.equal((await local(bo)).micLive, on, `it was ${on ? 'on' : 'off'} before`);
  }
  await bo.leave();
  await ana.leave();
  await Promise.all([ana.close(), bo.close()]);
});

test('hold to talk is heard while it is held, and whatever ends it, it ends muted', { timeout: 30_000 }, async () => {
  const ana = await joined('ana');
  const bo = await joined('bo');
  const { page } = bo;
  await bo.click('control-devices');
  await bo.click('mic-mode-hold');
  await page.keyboard.press('Escape');
  await gone(bo, 'devices');
  const live = (wanted) => until(`bo is ${wanted ? 'heard' : 'muted'}`, 3_000, async () => (await local(bo)).micLive === wanted);
  await live(false);
  // The microphone button may have the focus, and is not pressed by the key.
  await page.focus('[data-testid="control-mic"]');
  for (const end of [
    () => page.keyboard.up('Space'),
    () => page.evaluate(() => window.dispatchEvent(new Event('blur'))),
    () => page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
      document.dispatchEvent(new Event('visibilitychange'));
      delete document.hidden;
    }),
    () => page.evaluate(() => window.dispatchEvent(new PointerEvent('pointercancel'))),
  ]) {
    await page.keyboard.down('Space');
    await live(true);
    await end();
    await live(false);
    await page.keyboard.up('Space');
    await live(false);
  }
  // A finger, or the mouse.
  const box = await (await page.$('[data-testid="control-mic"]')).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await live(true);
  await page.mouse.up();
  await live(false);
  // A host mutes while the key is down: the hold is over, and letting go does not open the microphone.
  await page.keyboard.down('Space');
  await live(true);
  await server.post('ana', `calls/${(await ana.call()).callId}/participants/${await bo.userId()}/mute`, {});
  await live(false);
  await page.keyboard.up('Space');
  assert.equal((await local(bo)).micOn, false);
  // Another button in focus keeps its key.
  await page.focus('[data-testid="control-layout"]');
  await page.keyboard.down('Space');
  assert.equal((await local(bo)).micLive, false);
  await page.keyboard.up('Space');
  await bo.leave();
  await ana.leave();
  await Promise.all([ana.close(), bo.close()]);
});

test('sound that the browser holds back has one button, and any key or click starts it', { timeout: 30_000 }, async () => {
  const ana = await joined('ana');
  const mute = () => {
    const play = HTMLMediaElement.prototype.play;
    window.holdBack = true;
    HTMLMediaElement.prototype.play = function () {
      if (window.holdBack && this.tagName === 'AUDIO') {
        this.pause();
        return Promise.reject(new DOMException('play() failed because the user did not interact', 'NotAllowedError'));
      }
      return play.call(this);
    };
    // Elements with `autoplay` would start by themselves.
    Object.defineProperty(HTMLMediaElement.prototype, 'autoplay', { set() {}, get: () => false });
  };
  const bo = await signIn('bo', { prepare: mute });
  await bo.join('general', { camera: false });
  await bo.page.waitForSelector('[data-testid="turn-on-sound"]', { timeout: 10_000 });
  assert.match(await textOf(bo.page, 'sound-blocked'), /Your browser holds back the sound. Turn on sound/);
  assert.equal(await bo.page.evaluate(() => document.querySelectorAll('[data-testid="turn-on-sound"]').length), 1);
  // Still refused: it stays.
  await bo.page.keyboard.press('Shift');
  assert.ok(await bo.has('turn-on-sound'));
  await bo.page.evaluate(() => void (window.holdBack = false));
  await bo.page.keyboard.press('Shift');
  await gone(bo, 'turn-on-sound', 2_000);
  assert.ok(await bo.page.evaluate(() => [...document.querySelectorAll('audio[data-track-id]')].some((audio) => !audio.paused)), 'it plays');
  // Nothing is refused to ana, so there is nothing to press.
  assert.equal(await ana.has('turn-on-sound'), false);
  assert.ok(await ana.page.evaluate(() => document.querySelectorAll('audio').length) >= 12, 'the elements were made by the click that joined');
  await bo.leave();
  await ana.leave();
  await Promise.all([ana.close(), bo.close()]);
});
