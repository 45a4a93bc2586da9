// coturn with the template of turn/, on loopback and free ports, with a certificate of its own; ended by its process id.
import { execFileSync, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freeTcpPort } from './ports.mjs';
import { until } from './wait.mjs';

const TEMPLATE = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../turn/coturn.conf.tmpl');
const SECRET = 'a-turn-secret-of-at-least-32-bytes';
/** The media server's address: the one loopback peer that the relay of a test may reach. */
export const MEDIA_ADDRESS = '127.0.0.77';

export async function coturn() {
  const folder = mkdtempSync(path.join(tmpdir(), 'convene-turn-'));
  const file = (name) => path.join(folder, name);
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', file('key.pem'), '-out', file('cert.pem'),
  ], { stdio: 'ignore' });
  const key = new X509Certificate(readFileSync(file('cert.pem'))).publicKey.export({ type: 'spki', format: 'der' });
  const [plain, tls] = [await freeTcpPort(), await freeTcpPort()];
  let text = readFileSync(TEMPLATE, 'utf8');
  for (const [place, value] of [
    ['@LISTEN_IP@', '127.0.0.1'],
    ['@RELAY_IP@', '127.0.0.1'],
    ['external-ip=@PUBLIC_IP@\n', ''],
    ['@PUBLIC_IP@', '192.0.2.200'],
    ['@TLS_CERT@', file('cert.pem')],
    ['@TLS_KEY@', file('key.pem')],
    ['@SHARED_SECRET@', SECRET],
    ['@REALM@', 'turn.test'],
    ['listening-port=3478', `listening-port=${plain}`],
    ['tls-listening-port=5349', `tls-listening-port=${tls}`],
    ['no-stdout-log\nsyslog\nproc-user=turnserver\nproc-group=turnserver\n', ''],
  ]) {
    if (!text.includes(place)) throw new Error(`the template has no ${place}`);
    text = text.replaceAll(place, value);
  }
  // FOR TESTS ONLY: the media server is on loopback. The deny list stays as it is.
  text += `allow-loopback-peers\nallowed-peer-ip=${MEDIA_ADDRESS}\nlog-file=${file('turn.log')}\nsimple-log\npidfile=${file('pid')}\nuserdb=${file('db')}\n`;
  writeFileSync(file('turn.conf'), text);
  const child = spawn('turnserver', ['-c', file('turn.conf')], { stdio: 'ignore' });
  child.on('error', (error) => console.error(`turnserver: ${error}`));
  for (const port of [plain, tls]) {
    await until('coturn listens', 20_000, async () => {
      const socket = connect(port, '127.0.0.1');
      try {
        await once(socket, 'connect');
        return true;
      } finally {
        socket.destroy();
      }
    });
  }
  return {
    udp: `turn:127.0.0.1:${plain}?transport=udp`,
    tcp: `turn:127.0.0.1:${plain}?transport=tcp`,
    tls: `turns:localhost:${tls}?transport=tcp`,
    secret: SECRET,
    /** What Chromium needs to believe the certificate. */
    trust: [`--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`],
    log: () => readFileSync(file('turn.log'), 'utf8'),
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
