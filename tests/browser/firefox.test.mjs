// One Firefox and one Chromium: both directions, one that refuses every device, and twenty handshakes of each that all
// end on AES-GCM.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium, launchFirefox } from './lib/browsers.mjs';
import { textOf, withLab } from './lib/lab.mjs';
import { goto, Person, progress } from './lib/people.mjs';
import { relay } from './lib/relay.mjs';
import { Server } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

const HANDSHAKES = 20;
let server;
let path;
let chromium;
let firefox;

before(async () => {
  path = await relay();
  server = await Server.start({ CONVENE_MEDIA_SHARDS: '1', CONVENE_MEDIA_ADVERTISE: path.advertise });
  path.aim(server.mediaPort);
  [chromium, firefox] = await Promise.all([launchChromium(), launchFirefox()]);
});

after(async () => {
  await Promise.all([chromium?.close(), firefox?.close()]);
  await server?.stop();
  path?.stop();
});

test('audio and video are decoded in both directions', { timeout: 120_000 }, async () => {
  const ana = await Person.signIn(server, chromium, 'ana');
  const bo = await Person.signIn(server, firefox, 'bo');
  await ana.join('general');
  await bo.join('general');
  for (const [person, other] of [[ana, bo], [bo, ana]]) {
    const id = await other.userId();
    await until(`${person.username} decodes ${other.username}`, 20_000, async () => {
      const rows = (await person.received()).filter((row) => row.userId === id);
      const good = rows.some((r) => r.source === 'camera' && r.framesDecoded > 0) && rows.some((r) => r.source === 'mic' && r.energy > 0);
      return good || Promise.reject(new Error(JSON.stringify(rows)));
    });
  }
  const samples = await measureFor(5_000, () => Promise.all([ana.received(), bo.received()]));
  for (const [index, person] of [ana, bo].entries()) {
    for (const row of progress(samples[0][index], samples.at(-1)[index])) {
      console.log(`${person.username} <- ${row.source}: ${row.fps.toFixed(1)} fps, width ${row.width}, energy +${row.energyGained.toFixed(4)}`);
      if (row.source === 'camera') assert.ok(row.fps >= 10 && row.frozen < 1, JSON.stringify(row));
      if (row.source === 'mic') assert.ok(row.energyGained > 0, JSON.stringify(row));
    }
  }
  await ana.leave();
  await bo.leave();
});

/** What Firefox keeps where somebody has chosen "Block new requests" for both kinds of devices. */
const BLOCKED = { 'media.navigator.permission.disabled': false, 'permissions.default.microphone': 2, 'permissions.default.camera': 2 };

test('a Firefox that blocks microphone and camera says how to allow them, and one listens meanwhile', { timeout: 120_000 }, async (t) => {
  const blocking = await launchFirefox({ preferences: BLOCKED });
  t.after(() => blocking.close());
  // A tone that does not pause: whoever hears nothing is not connected.
  const ana = await Person.signIn(server, chromium, 'ana', { before: withLab, camera: null });
  const cy = await Person.signIn(server, blocking, 'cy', { camera: null });
  await ana.join('general', { camera: false });
  await goto(cy, '/lobby/general?video=1');
  await cy.page.waitForSelector('[data-testid="lobby"]', { timeout: 10_000 });
  for (const [kind, words] of [
    ['mic', 'The microphone is blocked. Click the crossed microphone in the address bar, remove Blocked. Next time tick “Remember”.'],
    ['camera', 'The camera is blocked. Click the crossed camera in the address bar, remove Blocked. Next time tick “Remember”.'],
  ]) {
    await until(`the row of the ${kind} is that of Firefox`, 15_000, async () => {
      // It may not say beforehand that it would refuse.
      await cy.page.evaluate((which) => document.querySelector(`[data-testid="permission-${which}"][data-problem="notAsked"] button`)?.click(), kind);
      return cy.page.evaluate((which) => document.querySelector(`[data-testid="permission-${which}"]`)?.dataset.problem === 'denied', kind);
    });
    assert.ok((await textOf(cy.page, `permission-${kind}`)).includes(words), await textOf(cy.page, `permission-${kind}`));
  }
  const refused = await cy.page.evaluate(() => navigator.mediaDevices.getUserMedia({ audio: true }).then(() => 'given', (error) => error.name));
  assert.equal(refused, 'NotAllowedError', 'it is the browser that refuses');

  await cy.click('lobby-listen');
  await cy.connected();
  await until('cy hears ana', 15_000, async () => (await cy.received()).some((row) => row.source === 'mic' && row.energy > 0));
  assert.deepEqual(await cy.page.evaluate(() => [window.__convene.local.micOn, window.__convene.local.cameraOn]), [false, false]);
  assert.deepEqual(await cy.page.evaluate(() => window.__convene.pc.getSenders().filter((sender) => sender.track).length), 0, 'nothing is sent');
  await cy.leave();
  await ana.leave();
  await ana.close();
});

/** A fresh connection by WHEP from the page; returns the negotiated SRTP profile. */
function handshake(page, token) {
  return page.evaluate(async (bearer) => {
    const pc = new RTCPeerConnection();
    pc.addTransceiver('audio', { direction: 'recvonly' });
    await pc.setLocalDescription();
    if (pc.iceGatheringState !== 'complete') {
      await new Promise((done) => pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && done()));
    }
    const answer = await fetch('/whep/general', {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', authorization: `Bearer ${bearer}` },
      body: pc.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error(`WHEP: ${answer.status} ${await answer.text()}`);
    await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    await new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`still ${pc.connectionState}`)), 10_000);
      const look = () => {
        if (pc.connectionState === 'connected') clearTimeout(timer), done();
        if (pc.connectionState === 'failed') clearTimeout(timer), fail(new Error('failed'));
      };
      pc.addEventListener('connectionstatechange', look);
      look();
    });
    let cipher = 'no transport in the statistics';
    (await pc.getStats()).forEach((row) => {
      if (row.type === 'transport') cipher = row.srtpCipher;
    });
    await fetch(answer.headers.get('location'), { method: 'DELETE', headers: { authorization: `Bearer ${bearer}` } });
    pc.close();
    return cipher;
  }, token);
}

for (const name of ['Chromium', 'Firefox']) {
  test(`${HANDSHAKES} handshakes of ${name} all end on GCM`, { timeout: 120_000 }, async () => {
    const page = await (name === 'Chromium' ? chromium : firefox).newPage();
    await page.goto(server.url);
    const token = await server.login('cy');
    const ciphers = [];
    for (let n = 0; n < HANDSHAKES; n++) ciphers.push(await handshake(page, token));
    assert.equal(ciphers.length, HANDSHAKES);
    for (const cipher of ciphers) assert.match(String(cipher), /AEAD_AES_128_GCM/, JSON.stringify(ciphers));
    await page.close();
  });
}
