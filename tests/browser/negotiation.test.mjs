// Answers that come late or go down with a socket: a call connects all the same, with the offer that was made.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;
let bo;

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
  bo = await Person.signIn(server, browser, 'bo');
  await bo.join('general');
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/**
 * Runs in the page, before anything of it: answers to offers are kept until `hear` is called, and with them the events
 * behind them, since a socket does not change their order.
 */
function deafToAnswers() {
  const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
  window.unheard = [];
  window.answers = 0;
  window.deaf = true;
  window.hear = () => {
    window.deaf = false;
    for (const event of window.unheard.splice(0)) event();
  };
  Object.defineProperty(WebSocket.prototype, 'onmessage', {
    set(listener) {
      const heard = (event) => {
        const { ev } = JSON.parse(event.data);
        if (window.deaf && ev === 'rtc:answer') window.answers++;
        if (window.deaf && ev && window.answers > 0) window.unheard.push(() => listener(event));
        else listener(event);
      };
      set.call(this, listener && heard);
    },
  });
}

/** Runs in the page, before anything of it: what is sent. */
function notesCommands() {
  const { send } = WebSocket.prototype;
  window.commands = [];
  WebSocket.prototype.send = function (data) {
    window.commands.push(JSON.parse(data));
    return send.call(this, data);
  };
}

async function joining() {
  const ana = await Person.signIn(server, browser, 'ana', { prepare: deafToAnswers });
  await ana.page.evaluate(() => {
    history.pushState(null, '', '/lobby/general?video=1');
    dispatchEvent(new PopStateEvent('popstate'));
  });
  await until('devices are open', 15_000, () => ana.page.evaluate(() => window.__convene.local.cameraOn && !document.querySelector('[data-testid="lobby-join"]').disabled));
  await ana.click('lobby-join');
  return ana;
}

async function sees(one, other) {
  const id = await other.userId();
  await until(`${one.username} sees ${other.username}`, 15_000, async () => {
    const camera = (await one.tracks((track) => track.source === 'camera' && track.userId === id))[0];
    return camera && (await one.receivedTrack(camera.trackId))?.framesDecoded > 10;
  });
}

async function seeEachOther(ana) {
  await sees(ana, bo);
  await sees(bo, ana);
}

test('the first offer has a place for whom I see, and does not wait for the seat', { timeout: 60_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana', { prepare: notesCommands });
  await ana.join('general', { camera: false });
  await sees(ana, bo);
  const [join, offer] = await ana.page.evaluate(() => window.commands.filter(({ op }) => op === 'call:join' || op === 'rtc:offer'));
  assert.deepEqual([join.op, offer.op], ['call:join', 'rtc:offer']);
  const places = offer.d.sdp.split('m=').filter((section) => section.startsWith('video') && section.includes('a=recvonly'));
  assert.equal(places.length, 1);

  // Behind sections that only receive, whose answers say nothing of layers.
  await ana.click('control-camera');
  await sees(bo, ana);
  assert.match(await ana.page.evaluate(() => window.__convene.pc.remoteDescription.sdp), /a=simulcast:recv q;h;f/);
  assert.deepEqual(ana.errors, []);
  await ana.close();
});

test('an answer that takes longer than anybody waits is taken when it comes', { timeout: 60_000 }, async () => {
  const ana = await joining();
  await until('the offer is sent and answered once more', 20_000, () => ana.page.evaluate(() => window.answers >= 2));
  assert.equal(await ana.page.evaluate(() => window.__convene.pc.signalingState), 'have-local-offer');
  await ana.page.evaluate(() => window.hear());
  await ana.connected(5_000);
  await seeEachOther(ana);
  await ana.close();
});

test('an answer that goes down with its socket comes again', { timeout: 60_000 }, async () => {
  const ana = await joining();
  await until('the offer is answered', 10_000, () => ana.page.evaluate(() => window.answers >= 1));
  await ana.page.evaluate(() => {
    window.unheard = [];
    window.deaf = false;
    window.__convene.dropConnection();
  });
  await ana.connected(5_000);
  await seeEachOther(ana);
  await ana.close();
});

/** Runs in the page, before anything of it: what is said of a seat that is over comes when the next one is being taken. */
function hearsLate() {
  const { send } = WebSocket.prototype;
  const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
  const late = [];
  window.late = 0;
  Object.defineProperty(WebSocket.prototype, 'onmessage', {
    set(listener) {
      const heard = (event) => {
        const { ev, d } = JSON.parse(event.data);
        if (late.length > 0 ? ev : ev === 'rtc:state' && d.state === 'closed') late.push(() => listener(event));
        else listener(event);
      };
      set.call(this, listener && heard);
    },
  });
  window.joins = [];
  WebSocket.prototype.send = function (data) {
    const { op, d } = JSON.parse(data);
    send.call(this, data);
    if (op !== 'call:join') return;
    window.joins.push(d);
    window.late += late.length;
    for (const event of late.splice(0)) queueMicrotask(event);
  };
}

test('whoever comes back at once takes one seat, and has left the one before by hanging up', { timeout: 60_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana', { prepare: hearsLate });
  await ana.join('general');
  await seeEachOther(ana);
  const { callId } = await ana.call();
  for (let round = 0; round < 3; round++) {
    await ana.page.evaluate(() => ((window.joins = []), (window.late = 0)));
    await ana.click('control-leave');
    await ana.click('call-rejoin');
    await ana.connected();
    await seeEachOther(ana);
    assert.deepEqual(await ana.page.evaluate(() => window.joins), [{ callId }]);
    assert.ok((await ana.page.evaluate(() => window.late)) > 0, 'something was late');
  }
  const me = await ana.userId();
  await ana.leave();
  await until('four stays are over', 5_000, async () => {
    const { participants } = (await server.api('ana', `calls/${callId}`)).call;
    const ends = participants.filter((one) => one.userId === me).map((one) => one.leaveReason);
    return (ends.length >= 4 && ends.slice(-4).every((reason) => reason === 'left')) || Promise.reject(new Error(`${ends}`));
  });
  assert.deepEqual(ana.errors, []);
  await ana.close();
});

test('the door of a call leads whoever is in it back to it', { timeout: 60_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana', { prepare: notesCommands });
  await ana.join('general');
  await ana.page.evaluate(() => (window.commands = []));
  await goto(ana, '/lobby/general?video=1');
  await until('the call is shown', 5_000, () => ana.page.evaluate(() => location.pathname === '/call' && document.querySelector('[data-testid="call-view"]') !== null));
  await seeEachOther(ana);
  assert.deepEqual(await ana.page.evaluate(() => window.commands.filter(({ op }) => /^(call|voice):(join|leave|start)$/.test(op))), []);
  await ana.leave();
  await ana.close();
});

/** Runs in the page, before anything of it: while `window.stubborn`, no answer is any good. */
function stubborn() {
  const { setRemoteDescription } = RTCPeerConnection.prototype;
  window.refused = 0;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    if (this !== window.stubborn) return setRemoteDescription.call(this, description);
    window.refused++;
    return Promise.reject(new Error('not this one'));
  };
}

test('a connection that cannot be negotiated any more is given up with its seat, and the call goes on', { timeout: 90_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana', { prepare: stubborn });
  await ana.join('general');
  await seeEachOther(ana);
  const { callId } = await ana.call();
  const seat = () => ana.page.evaluate(() => window.__convene.call.participantId);
  const before = await seat();
  await ana.page.evaluate(() => {
    window.stubborn = window.__convene.pc;
    dispatchEvent(new Event('online'));
  });
  await until('she has another seat', 40_000, async () => (await seat()) !== before);
  assert.ok((await ana.page.evaluate(() => window.refused)) >= 5);
  await ana.connected();
  await seeEachOther(ana);
  assert.equal((await ana.call()).callId, callId);
  await until('she is there once', 5_000, async () => (await bo.call()).participants.length === 2);
  await ana.close();
});
