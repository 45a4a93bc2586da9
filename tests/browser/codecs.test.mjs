// Other codecs than VP8: layers inside a stream (SVC) and as streams (simulcast), taken away and given back by the
// subscriber, and what happens when a subscriber cannot decode what is published.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium, launchFirefox } from './lib/browsers.mjs';
import { Person, encodedFps, longestFreeze, progress } from './lib/people.mjs';
import { relay } from './lib/relay.mjs';
import { Server } from './lib/server.mjs';
import { measureFor, until } from './lib/wait.mjs';

let server;
let browsers = [];

before(async () => {
  server = await Server.start({ CONVENE_MEDIA_SHARDS: '1' });
  browsers = await Promise.all([launchChromium(), launchChromium()]);
});

after(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await server?.stop();
});

/** A publisher with these options and a viewer; `look` gets the viewer and the camera's track. `alone` sees the publisher before. */
async function call(query, look, { on = server, viewing = browsers[1], prepare, alone } = {}) {
  const ana = await Person.signIn(on, browsers[0], 'ana', { query, steady: true });
  const bo = await Person.signIn(on, viewing, 'bo', { prepare });
  try {
    await ana.join('general');
    await alone?.(ana);
    await bo.join('general', { camera: false });
    const id = await ana.userId();
    const camera = async () => (await bo.tracks((t) => t.userId === id && t.source === 'camera'))[0];
    const track = await until('the camera is published', 10_000, camera);
    await look({ ana, bo, track, camera });
    assert.deepEqual([...ana.errors, ...bo.errors], []);
    assert.equal(await on.metric('convene_room_panics_total'), 0);
  } finally {
    await ana.close();
    await bo.close();
  }
}

const received = async (bo, trackId) => {
  const row = await bo.receivedTrack(trackId);
  if (!row || row.missing) throw new Error(`nothing of ${trackId}: ${JSON.stringify(await bo.received())}`);
  return row;
};

/** Asks for layers one after the other: the picture follows, and it never stands still for long. */
async function throughLayers({ ana, bo, track }, steps) {
  const all = [];
  let first = null;
  for (const { layer = 2, fps = null, width, frames } of steps) {
    const what = `layer ${layer}, ${fps ?? 'all'} fps`;
    const started = performance.now();
    await bo.setLayer(track.trackId, layer);
    await bo.limitFps(track.trackId, fps);
    // A publisher that was told to stop a layer starts it again, and may take another moment to find the bandwidth.
    let reached = 0;
    await until(`${what}: ${width} pixels wide for a second`, 10_000, async () => {
      const row = await received(bo, track.trackId);
      all.push([row]);
      const now = performance.now();
      if (row.width !== width) reached = 0;
      else if (reached === 0) reached = now;
      return (reached > 0 && now - reached > 1_000) || Promise.reject(new Error(`width ${row.width}`));
    });
    reached = Math.round(reached - started);
    const encoded = [];
    const samples = await measureFor(3_000, async () => {
      encoded.push(await ana.encoded());
      return bo.received();
    });
    const sent = encodedFps(encoded.slice(1), width);
    all.push(...samples);
    const row = progress(samples[0], samples.at(-1)).find((one) => one.trackId === track.trackId);
    first ??= row;
    console.log(`${row.codec} ${what}: width ${row.width} after ${reached} ms, ${row.fps.toFixed(1)} of ${sent.toFixed(1)} fps, keyframes ${row.keyFramesDecoded}, asked for ${row.plis}, NACKs ${row.nacks}`);
    assert.equal(row.width, width, what);
    assert.ok(sent >= LEAST_FPS, `${what}: the machine encodes ${sent.toFixed(1)} fps`);
    const share = row.fps / sent;
    assert.ok(share >= frames[0] && share <= frames[1], `${what}: ${share.toFixed(2)} of the pictures: ${JSON.stringify(row)}`);
  }
  const freeze = longestFreeze(all, track.trackId);
  assert.ok(freeze < 1, `frozen for ${freeze} s`);
  const last = await received(bo, track.trackId);
  // It may have asked for its first picture, and a busy machine may lose packets; nothing else breaks a picture.
  const whole = last.nacks === first.nacks && last.lost === first.lost;
  assert.ok(!whole || last.plis === first.plis, `the decoder had to ask for a keyframe: ${JSON.stringify(last)}`);
  return { first, last };
}

/** The share of the encoded pictures that is decoded: all, half and a quarter, with two or three lost at either end. */
const ALL = [0.85, 1.1];
const HALF = [0.42, 0.58];
const QUARTER = [0.2, 0.32];
/** Fewer tell no half from a quarter. Idle machines encode 30, whatever we do. */
const LEAST_FPS = 8;

test('VP9 L3T3_KEY: spatial and temporal layers go and come back', { timeout: 120_000 }, () =>
  call('?codec=vp9&scalabilityMode=L3T3_KEY', async ({ ana, bo, track }) => {
    assert.equal(track.codec, 'VP9');
    const { last } = await throughLayers({ ana, bo, track }, [
      { layer: 0, width: 240, frames: ALL },
      { layer: 2, width: 960, frames: ALL },
      { layer: 1, width: 480, frames: ALL },
      { layer: 1, fps: 15, width: 480, frames: HALF },
      { layer: 2, fps: 8, width: 960, frames: QUARTER },
      { layer: 2, width: 960, frames: ALL },
      { layer: 0, fps: 8, width: 240, frames: QUARTER },
      { layer: 2, width: 960, frames: ALL },
    ]);
    assert.equal(last.codec, 'VP9');
    const [now] = await bo.tracks((t) => t.trackId === track.trackId);
    assert.equal(now.layers, 3, 'layers inside the stream are told');
    assert.equal(now.current, 2);
  }),
);

test('AV1 L1T3: temporal layers go and come back', { timeout: 120_000 }, () =>
  call('?codec=av1&scalabilityMode=L1T3', async ({ ana, bo, track }) => {
    assert.equal(track.codec, 'AV1');
    const { first, last } = await throughLayers({ ana, bo, track }, [
      { width: 960, frames: ALL },
      { fps: 8, width: 960, frames: QUARTER },
      { fps: 15, width: 960, frames: HALF },
      { width: 960, frames: ALL },
      { fps: 8, width: 960, frames: QUARTER },
      { width: 960, frames: ALL },
    ]);
    assert.equal(last.codec, 'AV1');
    assert.equal(last.keyFramesDecoded, first.keyFramesDecoded, 'no layer needed a keyframe to come back');
    const offered = await bo.page.evaluate(() => window.__convene.pc.currentRemoteDescription.sdp);
    assert.match(offered, /dependency-descriptor-rtp-header-extension/);
  }),
);

test('AV1 L3T3_KEY: spatial and temporal layers go and come back', { timeout: 120_000 }, () =>
  call('?codec=av1&scalabilityMode=L3T3_KEY', async ({ ana, bo, track }) => {
    await throughLayers({ ana, bo, track }, [
      { layer: 0, width: 240, frames: ALL },
      { layer: 2, width: 960, frames: ALL },
      { layer: 1, fps: 8, width: 480, frames: QUARTER },
      { layer: 2, width: 960, frames: ALL },
    ]);
  }),
);

test('H264 and VP9 simulcast: layers switch between Chromium and Chromium', { timeout: 180_000 }, async (t) => {
  const steps = [
    { layer: 0, width: 240, frames: ALL },
    { layer: 2, width: 960, frames: ALL },
    { layer: 1, width: 480, frames: ALL },
    { layer: 2, width: 960, frames: ALL },
  ];
  for (const codec of ['h264', 'vp9']) {
    await t.test(codec, () =>
      call(`?codec=${codec}`, async ({ ana, bo, track }) => {
        assert.equal(track.codec.toLowerCase(), codec);
        assert.equal(track.layers, 3);
        const { last } = await throughLayers({ ana, bo, track }, steps);
        assert.equal(last.codec.toLowerCase(), codec);
        assert.ok((await ana.sending()).some((one) => one.rid === 'f' && one.width === 960), 'three streams');
      }),
    );
  }
});

test('VP8 leaves out temporal layers for a smaller frame rate', { timeout: 90_000 }, () =>
  call('?codec=vp8&scalabilityMode=L1T3', async ({ ana, bo, track }) => {
    assert.equal(track.codec, 'VP8');
    await throughLayers({ ana, bo, track }, [
      { layer: 0, width: 960, frames: ALL },
      { layer: 0, fps: 8, width: 960, frames: QUARTER },
      { layer: 0, fps: 15, width: 960, frames: HALF },
      { layer: 0, width: 960, frames: ALL },
    ]);
  }),
);

test('microphones come with redundancy, and are heard', { timeout: 60_000 }, () =>
  call('', async ({ ana, bo }) => {
    const answer = await ana.page.evaluate(() => window.__convene.pc.currentRemoteDescription.sdp);
    assert.match(answer, /m=audio \d+ UDP\/TLS\/RTP\/SAVPF 63 111/, 'RED first');
    const look = () =>
      bo.page.evaluate(async () => {
        let found = null;
        (await window.__convene.pc.getStats()).forEach((row) => {
          if (row.type === 'inbound-rtp' && row.kind === 'audio') found = row;
        });
        return found && { packets: row(found.packetsReceived), discarded: row(found.packetsDiscarded), energy: found.totalAudioEnergy };
        function row(value) {
          return value ?? 0;
        }
      });
    const before = await until('audio', 10_000, look);
    const [, later] = await measureFor(2_000, look, 2_000);
    assert.ok(later.energy > before.energy, 'silent');
    // The copies of frames that did come are thrown away by the jitter buffer: one per packet.
    const share = (later.discarded - before.discarded) / (later.packets - before.packets);
    assert.ok(share > 0.9, `copies per packet: ${share}`);
  }),
);

/** A browser whose receive sections do not take H264. */
function withoutH264() {
  const original = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function addTransceiver(kind, init) {
    const transceiver = original.call(this, kind, init);
    if (kind === 'video') {
      const { codecs } = RTCRtpReceiver.getCapabilities('video');
      transceiver.setCodecPreferences(codecs.filter((codec) => codec.mimeType !== 'video/H264'));
    }
    return transceiver;
  };
}

test('a viewer without the decoder is told, and sees the camera in another codec', { timeout: 90_000 }, () =>
  call(
    '?codec=h264',
    async ({ ana, bo, track, camera }) => {
      // The track of the first look may be the second one already.
      const other = await until('the camera is published in a codec that bo can decode', 15_000, async () => {
        const now = await camera();
        return now && now.codec !== 'H264' && now;
      });
      assert.ok(track.codec === 'H264' ? other.trackId !== track.trackId : true);
      await until('bo sees ana', 10_000, async () => (await received(bo, other.trackId)).framesDecoded > 30);
      console.log(`published again in ${other.codec}`);
      await bo.setLayer(other.trackId, 2);
      await until('the top layer in the other codec', 12_000, async () => {
        const { width } = await received(bo, other.trackId);
        return width === 960 || Promise.reject(new Error(`width ${width}, sent ${JSON.stringify(await ana.sending())}`));
      });
      assert.equal((await ana.call()).phase, 'joined');
    },
    {
      prepare: withoutH264,
      // Nobody watches, so that the upper layers stop; the camera in the other codec begins with all of them.
      alone: (ana) => until('only the lowest layer is sent', 15_000, async () => (await ana.sending())[2].fps === 0),
    },
  ),
);

test('VP9 L3T3_KEY is shown by Firefox', { timeout: 120_000 }, async () => {
  // Firefox gathers no loopback candidates.
  const path = await relay();
  const on = await Server.start({ CONVENE_MEDIA_SHARDS: '1', CONVENE_MEDIA_ADVERTISE: path.advertise });
  path.aim(on.mediaPort);
  const firefox = await launchFirefox();
  try {
    await call(
      '?codec=vp9&scalabilityMode=L3T3_KEY',
      async ({ bo, track }) => {
        const look = async (layer, least, most) => {
          await bo.setLayer(track.trackId, layer);
          await until(`layer ${layer} in Firefox`, 8_000, async () => {
            const { width } = await received(bo, track.trackId);
            return (width >= least && width <= most) || Promise.reject(new Error(`width ${width}`));
          });
          const samples = await measureFor(3_000, () => bo.received());
          const row = progress(samples[0], samples.at(-1)).find((one) => one.trackId === track.trackId);
          console.log(`Firefox, layer ${layer}: width ${row.width}, ${row.fps.toFixed(1)} fps`);
          assert.ok(row.fps >= 12, JSON.stringify(row));
        };
        await look(0, 240, 240);
        await look(2, 960, 960);
        await look(0, 240, 240);
      },
      { on, viewing: firefox },
    );
  } finally {
    await firefox.close();
    await on.stop();
    path.stop();
  }
});
