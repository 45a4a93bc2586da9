// Calls between two Chromium on bad networks: both behind the emulator, several seeds, medians. Prints one JSON object
// per scenario, with what it must reach. Needs `make setup` and a release binary (TEST_BINARY); takes 12 minutes.
//
//   TEST_BINARY=target/release/convene node benches/networks.mjs [scenario …]
import { launchChromium } from '../tests/browser/lib/browsers.mjs';
import { Person } from '../tests/browser/lib/people.mjs';
import { freeUdpPorts } from '../tests/browser/lib/ports.mjs';
import { Server, impair } from '../tests/browser/lib/server.mjs';
import { until } from '../tests/browser/lib/wait.mjs';

const SEEDS = Number(process.env.SEEDS ?? 5);
const ROUNDS = Number(process.env.ROUNDS ?? 20);
const SECONDS = Number(process.env.SECONDS_EACH ?? 30);
/** The page's own camera of 720 lines, or the tests' smaller one where a machine is too slow for two browsers. */
const CAMERA = process.env.SMALL_CAMERA ? undefined : null;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)];
const round = (value, digits = 4) => Math.round(value * 10 ** digits) / 10 ** digits;

/** Runs `body` with a server whose media goes through the emulator. */
async function behind({ up, down, seed }, body) {
  const port = await freeUdpPorts();
  const server = await Server.start({ CONVENE_MEDIA_SHARDS: '1', CONVENE_MEDIA_ADVERTISE: `127.0.0.1:${port}`, CONVENE_MEDIA_TCP_PORT: '0' });
  const proxy = await impair(`127.0.0.1:${server.mediaPort}`, { up, down, seed, listen: `127.0.0.1:${port}` });
  try {
    return await body(server);
  } finally {
    await proxy.stop().catch(() => {});
    await server.stop();
  }
}

async function close(...people) {
  await Promise.all(people.map((person) => person.page.browserContext().close()));
}

/** A call in which both send; what the second receives of the first. */
async function quality(browsers, network) {
  return behind(network, async (server) => {
    const ana = await Person.signIn(server, browsers[0], 'ana', { query: process.env.QUERY ?? '', camera: CAMERA });
    const bo = await Person.signIn(server, browsers[1], 'bo', { camera: CAMERA });
    await ana.join('general');
    await bo.join('general');
    const track = (source) => until(`${source} is published`, 15_000, async () => (await bo.tracks((one) => one.source === source && one.userId !== bo.own))[0]);
    bo.own = await bo.userId();
    const camera = await track('camera');
    const mic = await track('mic');
    await bo.setLayer(camera.trackId, 2);
    await until('a picture', 20_000, async () => (await bo.receivedTrack(camera.trackId))?.framesDecoded > 30);
    await pause(5_000); // estimates have settled
    const [videoBefore, audioBefore] = [await bo.receivedTrack(camera.trackId), await bo.receivedTrack(mic.trackId)];
    await pause(SECONDS * 1_000);
    const [video, audio] = [await bo.receivedTrack(camera.trackId), await bo.receivedTrack(mic.trackId)];
    const seconds = (video.at - videoBefore.at) / 1_000;
    const result = {
      frozen: (video.frozenSeconds - videoBefore.frozenSeconds) / seconds,
      fps: (video.framesDecoded - videoBefore.framesDecoded) / seconds,
      width: video.width,
      concealed: (audio.concealed - audioBefore.concealed) / Math.max(1, audio.samples - audioBefore.samples),
    };
    await close(ana, bo);
    return result;
  });
}

async function qualities(name, browsers, network, goals) {
  const runs = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    runs.push(await quality(browsers, { ...network, seed }));
    console.error(name, seed, JSON.stringify(runs.at(-1)));
  }
  const of = (key) => round(median(runs.map((run) => run[key])));
  return { name, ...network, seeds: SEEDS, frozen: of('frozen'), fps: of('fps'), width: of('width'), concealed: of('concealed'), goals, runs };
}

/** From the click on "join" to the first decoded picture, and from a wish for the top layer to seeing it. */
async function starts(browsers) {
  const network = { up: 'latency=25ms', down: 'latency=25ms', seed: 1 };
  return behind(network, async (server) => {
    const ana = await Person.signIn(server, browsers[0], 'ana', { camera: CAMERA });
    await ana.join('general');
    await pause(3_000);
    const firsts = [];
    const switches = [];
    for (let round = 0; round < ROUNDS; round++) {
      const bo = await Person.signIn(server, browsers[1], 'bo', { camera: CAMERA });
      await bo.page.evaluate(() => {
        // Statistics are up to 50 ms old in Chromium: what counts is the first frame that is shown.
        window.__first = undefined;
        const seen = new WeakSet();
        const watch = () => {
          for (const video of document.querySelectorAll('video')) {
            if (seen.has(video)) continue;
            seen.add(video);
            video.requestVideoFrameCallback((now) => (window.__first ??= now));
          }
          if (window.__first === undefined) requestAnimationFrame(watch);
        };
        document.addEventListener('click', (event) => {
          if (event.target.closest('[data-testid="lobby-join"]')) {
            window.__clicked = performance.now();
            watch();
          }
        }, true);
      });
      await bo.join('general', { camera: false });
      const first = await until('a first picture', 20_000, () => bo.page.evaluate(() => window.__first && window.__first - window.__clicked));
      firsts.push(first);
      const camera = await until('the camera', 10_000, async () => (await bo.tracks((one) => one.source === 'camera'))[0]);
      // What nobody watches is not sent: the top layer has to run before a switch to it can be timed.
      await bo.setLayer(camera.trackId, 2);
      const width = await until('large', 20_000, async () => {
        const top = (await ana.sending()).at(-1).width;
        return top > 0 && (await bo.receivedTrack(camera.trackId))?.width === top && top;
      });
      await bo.setLayer(camera.trackId, 0);
      await until('small', 10_000, async () => (await bo.receivedTrack(camera.trackId))?.width <= 320);
      await pause(2_000);
      const took = await bo.page.evaluate(async (track, wanted) => {
        const from = performance.now();
        window.__convene.setLayer(track, 2);
        const { pc, midOf } = window.__convene;
        for (;;) {
          let now = 0;
          (await pc.getStats()).forEach((row) => { if (row.type === 'inbound-rtp' && row.mid === midOf(track)) now = row.frameWidth ?? 0; });
          if (now >= wanted) return performance.now() - from;
          if (performance.now() - from > 10_000) return 10_000;
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }, camera.trackId, width);
      switches.push(took);
      console.error('start', round, Math.round(first), Math.round(took));
      await close(bo);
    }
    await close(ana);
    return {
      name: 'starts', ...network,
      firstFrameMs: { p50: Math.round(median(firsts)), p95: Math.round(percentile(firsts, 0.95)) },
      upSwitchMs: { p50: Math.round(median(switches)), p95: Math.round(percentile(switches, 0.95)) },
      goals: 'first frame p95 ≤ 600 ms, switch up ≤ 1 s',
    };
  });
}

const both = (text) => ({ up: text, down: text });
const SCENARIOS = {
  loss5: (browsers) => qualities('loss5', browsers, both('latency=25ms,loss=0.05'), 'frozen < 0.005'),
  burst10: (browsers) => qualities('burst10', browsers, both('latency=50ms,loss=0.1,burst=3'), 'frozen < 0.01, concealed ≤ 0.03'),
  loss20: (browsers) => qualities('loss20', browsers, both('latency=25ms,loss=0.2'), 'video alive, concealed ≤ 0.02 with RED'),
  starts,
};

const wanted = process.argv.slice(2);
for (const name of wanted.length ? wanted : Object.keys(SCENARIOS)) {
  const browsers = await Promise.all([launchChromium(), launchChromium()]);
  try {
    console.log(JSON.stringify(await SCENARIOS[name](browsers)));
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
  }
}
