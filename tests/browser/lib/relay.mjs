// A transparent UDP relay on the machine's own address. Firefox gathers no loopback candidates, and a server
// with demo accounts listens on nothing else: the relay brings them together.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';

/** The first IPv4 address other machines could use. */
export function ownAddress() {
  const found = Object.values(networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal);
  if (!found) throw new Error('Firefox needs a non-loopback IPv4 address and a default route: `ip addr add 10.9.8.7/24 dev …`');
  return found.address;
}

/** Passes datagrams between clients of `address` and `127.0.0.1:port`. The target may be set later. */
export async function relay(address = ownAddress()) {
  const front = createSocket('udp4');
  const backs = new Map();
  let target = 0;
  front.on('message', (data, { address: ip, port }) => {
    const key = `${ip}:${port}`;
    let back = backs.get(key);
    if (!back) {
      back = createSocket('udp4');
      back.on('message', (answer) => front.send(answer, port, ip));
      back.bind(0, '127.0.0.1');
      backs.set(key, back);
    }
    back.send(data, target, '127.0.0.1');
  });
  front.bind(0, address);
  await once(front, 'listening');
  return {
    advertise: `${address}:${front.address().port}`,
    aim: (port) => {
      target = port;
    },
    stop: () => {
      for (const socket of [front, ...backs.values()]) socket.close();
    },
  };
}
