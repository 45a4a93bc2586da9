// A TCP path that can be cut: connections in use end, new ones are refused until it is joined again.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export async function cable(to, { host = '127.0.0.1', port: own = 0 } = {}) {
  const { hostname, port } = new URL(to);
  const open = new Set();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }).listen(own, host);
  await once(server, 'listening');
  return {
    url: `http://${host}:${server.address().port}`,
    cut: () => {
      whole = false;
      for (const one of open) one.destroy();
    },
    join: () => {
      whole = true;
    },
    stop: () => {
      server.close();
      for (const one of open) one.destroy();
    },
  };
}
