// A network that lets no UDP through: the call goes over ICE-TCP, and over TURN by TCP and by TLS, and both sides see
// and hear each other.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { launchChromium, launchFirefox } from './lib/browsers.mjs';
import { cable } from './lib/cable.mjs';
import { MEDIA_ADDRESS, coturn } from './lib/coturn.mjs';
import { Person, progress } from './lib/people.mjs';
import { ownAddress } from './lib/relay.mjs';
import { freeTcpPort, freeUdpPorts } from './lib/ports.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

/** Pictures that must follow the first. */
const FRAMES = 100;
let relay;
let server;
let blocked;
let free;

before(async () => {
  relay = await coturn();
  server = await Server.start({
    CONVENE_MEDIA_LISTEN: `${MEDIA_ADDRESS}:${await freeUdpPorts()}`,
    CONVENE_TURN_URLS: [relay.udp, relay.tcp, relay.tls].join(','),
    CONVENE_TURN_SECRET: relay.secret,
  });
  // Chromium itself sends no UDP but through a proxy, of which there is none.
  const preferences = { webrtc: { ip_handling_policy: 'disable_non_proxied_udp' } };
  [blocked, free] = await Promise.all([launchChromium({ args: relay.trust, preferences }), launchChromium()]);
});

after(async () => {
  await Promise.all([blocked?.close(), free?.close()]);
  await server?.stop();
  await relay?.stop();
});

/** Lets the page use no other servers than those whose URL begins so, and no path but through them. */
const relayedBy = (scheme, transport) => (page) =>
  page.evaluateOnNewDocument(
    (wanted, parameter) => {
      window.RTCPeerConnection = class extends window.RTCPeerConnection {
        constructor(configuration) {
          const iceServers = configuration.iceServers
            .map((one) => ({ ...one, urls: [one.urls].flat().filter((url) => url.startsWith(wanted) && url.endsWith(parameter)) }))
            .filter((one) => one.urls.length > 0);
          super({ ...configuration, iceServers, iceTransportPolicy: 'relay' });
        }
      };
    },
    scheme,
    transport,
  );

/** No servers but the call's own. */
const alone = (page) =>
  page.evaluateOnNewDocument(() => {
    window.RTCPeerConnection = class extends window.RTCPeerConnection {
      constructor(configuration) {
        super({ ...configuration, iceServers: [] });
      }
    };
  });

async function call(prepare, expect) {
  const ana = await Person.signIn(server, blocked, 'ana', { before: prepare });
  const bo = await Person.signIn(server, free, 'bo');
  await talk(ana, bo);
  const path = await ana.path();
  console.log(`ana's path: ${JSON.stringify(path)}`);
  expect(path);
  assert.equal((await bo.path()).local.protocol, 'udp', 'the other browser is not blocked');
  await end(ana, bo);
}

async function talk(ana, bo) {
  await ana.join('general');
  await bo.join('general');
  for (const [person, other] of [[ana, bo], [bo, ana]]) {
    const id = await other.userId();
    await until(`${person.username} decodes ${other.username}`, 20_000, async () => {
      const all = await person.received();
      const rows = all.filter((row) => row.userId === id);
      const good = rows.some((r) => r.source === 'camera' && r.framesDecoded > 0) && rows.some((r) => r.source === 'mic' && r.energy > 0);
      return good || Promise.reject(new Error(`${id}: ${JSON.stringify(all)}, sent by ${JSON.stringify(await other.call())}`));
    });
  }
  // It goes on, for pictures and sound alike: a path that only ever carried the first seconds is none.
  for (const person of [ana, bo]) {
    const first = await person.received();
    const rows = await until(`${person.username} goes on receiving`, 30_000, async () => {
      const now = progress(first, await person.received());
      const good = now.length >= 2 && now.every((row) => (row.source === 'camera' ? row.frames >= FRAMES : row.energyGained > 0));
      return good ? now : Promise.reject(new Error(JSON.stringify(now)));
    });
    for (const row of rows) {
      console.log(`${person.username} <- ${row.source}: ${row.fps.toFixed(1)} fps, width ${row.width}, frozen ${row.frozen.toFixed(2)} s, lost ${row.lost}`);
    }
  }
}

async function end(...people) {
  for (const person of people) {
    await person.leave();
    assert.deepEqual(person.errors, [], person.username);
    await person.page.browserContext().close();
  }
}

// Browsers as they are, and a firewall: UDP goes to a port that never answers. On an address of the machine, since
// browsers gather TCP candidates for its interfaces only.
test('over ICE-TCP in Chromium and Firefox when UDP falls into a hole', { timeout: 180_000 }, async () => {
  const host = ownAddress();
  const hole = createSocket('udp4').bind(0, host);
  await once(hole, 'listening');
  const other = await Server.start({ CONVENE_MEDIA_ADVERTISE: `${host}:${hole.address().port}`, CONVENE_MEDIA_SHARDS: '1', CONVENE_MEDIA_TCP_PORT: String(await freeTcpPort()) });
  const port = Number(other.env.CONVENE_MEDIA_TCP_PORT);
  const door = await cable(`http://127.0.0.1:${port}`, { host, port });
  const firefox = await launchFirefox();
  try {
    const ana = await Person.signIn(other, free, 'ana');
    const bo = await Person.signIn(other, firefox, 'bo');
    await talk(ana, bo);
    for (const person of [ana, bo]) {
      const path = await person.path();
      console.log(`${person.username}'s path: ${JSON.stringify(path)}`);
      assert.equal(path.remote.protocol, 'tcp');
      assert.equal(path.remote.port, port);
    }
    await end(ana, bo);
  } finally {
    await firefox.close();
    door.stop();
    hole.close();
    await other.stop();
  }
});

test('over ICE-TCP to the server itself', { timeout: 120_000 }, async () => {
  const before = await server.metric('convene_media_tcp_accepted_total');
  await call(alone, ({ local, remote }) => {
    assert.equal(remote.protocol, 'tcp');
    assert.equal(local.protocol, 'tcp');
    assert.notEqual(local.type, 'relay');
    assert.equal(remote.port, Number(server.env.CONVENE_MEDIA_TCP_PORT));
  });
  assert.ok((await server.metric('convene_media_tcp_accepted_total')) > before);
  await until('the connections end with the call', 10_000, async () => (await server.metric('convene_media_tcp_open_connections')) === 0);
});

test('through TURN over TCP', { timeout: 120_000 }, () =>
  call(relayedBy('turn:', 'transport=tcp'), ({ local, remote }) => {
    assert.equal(local.type, 'relay');
    assert.equal(local.relay, 'tcp');
    assert.equal(remote.protocol, 'udp', 'the relay speaks UDP to the server');
  }));

test('through TURN over TLS', { timeout: 120_000 }, () =>
  call(relayedBy('turns:', 'transport=tcp'), ({ local }) => {
    assert.equal(local.type, 'relay');
    assert.equal(local.relay, 'tls');
  }));
