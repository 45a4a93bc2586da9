// A real publisher: Chromium sends 720p simulcast to 50 sinks, with trains and without, directly, to receivers with
// GRO, and through an uplink of 20 Mb/s. Prints one JSON object per run. `make bench` calls it; it needs `make setup`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { launchChromium } from '../tests/browser/lib/browsers.mjs';
import { Person } from '../tests/browser/lib/people.mjs';
import { BINARY, Server, impair } from '../tests/browser/lib/server.mjs';

const [WIDTH, HEIGHT, FRAMES] = [1280, 720, 60];
const TOP_BITRATE = 2_500_000;
const SINKS = 50;
const SECONDS = 10;

/** A picture with texture that moves: the fake camera's flat colours would compress to next to nothing. */
async function texture(file) {
  const out = await open(file, 'w');
  await out.write(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F30:1 Ip A1:1 C420jpeg\n`);
  const luma = Buffer.alloc(WIDTH * HEIGHT);
  const chroma = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
  for (let frame = 0; frame < FRAMES; frame++) {
    let noise = 12345;
    for (let y = 0, at = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++, at++) {
        noise = (Math.imul(noise, 1103515245) + 12345) & 0x7fffffff;
        luma[at] = (128 + 60 * Math.sin((x + frame * 8) / 17) + 40 * Math.sin((y - frame * 5) / 11) + (noise >> 26)) & 0xff;
      }
    }
    await out.write('FRAME\n');
    await out.write(luma);
    await out.write(chroma);
  }
  await out.close();
}

/** Sends what the browser says to the server through a proxy: only its own path suffers. */
function rewireAnswers(port) {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp.replace(/^(a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1) \d+ /gim, `$1 ${port} `);
    return original.call(this, { type: description.type, sdp });
  };
}

/** Keeps the top layer's bitrate up; the page sets parameters of its own when layers come and go. */
function raise(bitrate) {
  setInterval(async () => {
    for (const sender of window.__convene.pc.getSenders()) {
      const parameters = sender.getParameters();
      const top = parameters.encodings?.find((encoding) => encoding.rid === 'f');
      if (!top || top.maxBitrate === bitrate) continue;
      top.maxBitrate = bitrate;
      await sender.setParameters(parameters).catch(() => {});
    }
  }, 300);
}

async function load(server, gro) {
  const args = ['load', '--url', server.url, '--server-pid', server.pid, '--key-id', 'test', '--json'];
  args.push('--subscribers', SINKS, '--sink', '--foreign', '--simulcast', '--layer', '2', '--ramp', '10ms');
  args.push('--warmup', '16s', '--duration', `${SECONDS}s`);
  if (gro) args.push('--gro');
  const env = { ...process.env, LOADTEST_KEY_SECRET: 'a-test-secret-of-at-least-32-bytes!' };
  const child = spawn(BINARY, args.map(String), { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (data) => (out += data));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`convene load ended with ${code}`);
  return JSON.parse(out);
}

async function run({ trains, up, gro }, camera) {
  const server = await Server.start({ CONVENE_MEDIA_SHARDS: '1', CONVENE_MEDIA_TRAINS: String(trains) });
  const proxy = up ? await impair(`127.0.0.1:${server.mediaPort}`, { up }) : undefined;
  const browser = await launchChromium({ args: [`--use-file-for-fake-video-capture=${camera}`] });
  try {
    const ana = await Person.signIn(server, browser, 'ana', { camera: null });
    if (proxy) await ana.page.evaluate(rewireAnswers, Number(proxy.address.split(':').at(-1)));
    await ana.join('general');
    await ana.click('control-mic');
    await ana.page.evaluate(raise, TOP_BITRATE);
    const report = await load(server, gro);
    return {
      trains, path: up ? `uplink ${up}` : gro ? 'direct, receivers with GRO' : 'direct',
      packetsPerSecond: Math.round(report.packets.receivedPerSecond / SINKS),
      packetsPerSend: report.packetsPerSend,
      cpuUsPerPacket: report.server.cpuUsPerPacket,
      megabits: report.packets.receivedMegabitsPerSecond / SINKS,
      ratio: report.sink.ratio,
      verified: report.sink.verified,
      failed: report.failed,
    };
  } finally {
    await browser.close();
    await proxy?.stop();
    await server.stop();
  }
}

const folder = await mkdtemp(path.join(tmpdir(), 'convene-bench-'));
try {
  const camera = path.join(folder, 'texture.y4m');
  await texture(camera);
  // Receivers with GRO take a train as one: what a network card spares the server, loopback charges it for.
  for (const way of [{}, { gro: true }, { up: 'rate=20M' }]) {
    for (const trains of [true, false]) console.log(JSON.stringify(await run({ ...way, trains }, camera)));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
