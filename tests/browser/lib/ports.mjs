// Ports that are still free when a killed server starts again; `tests/support/ports.rs` says how, and divides the same ones.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Browsers refuse 10 080. */
const FIRST = 11_000;
const END = 32_700;
const BLOCK = 100;
/** Nothing else listens here. */
const KEEPER = '127.0.0.254';

let left = { next: 0, end: 0 };
let last = Promise.resolve();

export const freeTcpPort = () => neighbours(1);

/** A first port with its neighbour free as well: one per shard. */
export const freeUdpPorts = () => neighbours(2);

/** The first of `count` free ports, none of which is given out again; one caller after the other. */
function neighbours(count) {
  const mine = last.then(() => find(count));
  last = mine.catch(() => {});
  return mine;
}

async function find(count) {
  for (;;) {
    while (left.end - left.next >= count) {
      const ports = Array.from({ length: count }, () => left.next++);
      if ((await Promise.all(ports.map(isFree))).every(Boolean)) return ports[0];
    }
    left = await takeBlock();
  }
}

async function takeBlock() {
  for (let first = FIRST; first < END; first += BLOCK) {
    const keeper = await listening(first, KEEPER);
    // It goes with the process, and does not keep it alive.
    if (keeper) return keeper.unref(), { next: first + 1, end: Math.min(first + BLOCK, END) };
  }
  throw new Error('no block of ports is free');
}

async function listening(port, host) {
  const server = createServer().listen({ port, host, exclusive: true });
  return once(server, 'listening').then(() => server, () => null);
}

async function isFree(port) {
  const server = await listening(port, '0.0.0.0');
  if (!server) return false;
  const socket = createSocket('udp4');
  socket.bind({ port, address: '0.0.0.0', exclusive: true });
  const free = await once(socket, 'listening').then(() => true, () => false);
  socket.close();
  server.close();
  await once(server, 'close');
  return free;
}
