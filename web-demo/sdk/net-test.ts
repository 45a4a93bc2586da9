/**
 * Tries, one by one, everything a call needs: signalling, devices, and each way media can take. Every way gets a
 * connection of its own with only that kind of candidates; the server echoes small packets over it.
 */
import type { Session } from './session';
import { iceData, read } from './wire';

export const NET_STEPS = ['signalling', 'microphone', 'camera', 'udp', 'tcp', 'turn'] as const;
export type NetStep = (typeof NET_STEPS)[number];
export type NetWay = 'udp' | 'tcp' | 'turn';

export interface NetResult {
  state: 'waiting' | 'running' | 'ok' | 'failed' | 'skipped';
  /** Median time there and back. */
  rttMs?: number;
  /** Share of packets that never came back, 0 to 1. */
  loss?: number;
  /** A name for reports: the browser's error, or the path that was taken. */
  detail?: string;
}
export type NetResults = Record<NetStep, NetResult>;

export type NetVerdict = 'good' | 'weak' | 'tcp' | 'relay' | 'blocked' | 'offline';

/** A relay behind a slow firewall needs several round trips before the first check. */
const CONNECT_MS = 10_000;
const ECHO_MS = 3_000;
const ECHO_EVERY_MS = 50;
/** The last echoes may be on their way. */
const ECHO_TAIL_MS = 600;
const PINGS = 5;
/** Beyond these people notice (ITU-T G.114: 150 ms one way; sound is repaired up to a few percent). */
const WEAK_RTT_MS = 300;
const WEAK_LOSS = 0.03;

export const emptyResults = (): NetResults =>
  Object.fromEntries(NET_STEPS.map((step) => [step, { state: 'waiting' }])) as NetResults;

export function verdictOf(results: NetResults): NetVerdict {
  if (results.signalling.state !== 'ok') return 'offline';
  const way = (['udp', 'tcp', 'turn'] as const).find((one) => results[one].state === 'ok');
  if (!way) return 'blocked';
  const { rttMs = 0, loss = 0 } = results[way];
  if (rttMs > WEAK_RTT_MS || loss > WEAK_LOSS) return 'weak';
  return way === 'udp' ? 'good' : way === 'tcp' ? 'tcp' : 'relay';
}

/** Candidates of the server that fit a way; a relay speaks UDP to it. */
export function onlyWay(sdp: string, way: NetWay): string {
  const wanted = way === 'tcp' ? 'tcp' : 'udp';
  return sdp
    .split('\r\n')
    .filter((line) => !line.startsWith('a=candidate:') || line.split(' ')[2]?.toLowerCase() === wanted)
    .join('\r\n');
}

export async function runNetTest(
  session: Session,
  onStep: (step: NetStep, result: NetResult) => void,
  signal: AbortSignal,
): Promise<NetResults> {
  const results = emptyResults();
  const run = async (step: NetStep, work: () => Promise<NetResult>) => {
    if (signal.aborted) return;
    onStep(step, (results[step] = { state: 'running' }));
    const result = await work().catch((error: unknown): NetResult => ({ state: 'failed', detail: nameOf(error) }));
    if (!signal.aborted) onStep(step, (results[step] = result));
  };
  await run('signalling', () => signalling(session));
  await run('microphone', () => device({ audio: true }));
  await run('camera', () => device({ video: true }));
  if (results.signalling.state !== 'ok') {
    for (const way of ['udp', 'tcp', 'turn'] as const) onStep(way, (results[way] = { state: 'skipped' }));
    return results;
  }
  const servers = read(iceData, await session.request('rtc:ice', {}).catch(() => null), 'rtc:ice');
  const iceServers = (servers?.iceServers ?? []) as RTCIceServer[];
  const relays = iceServers.filter((one) => [one.urls].flat().some((url) => url.startsWith('turn')));
  await Promise.all([
    run('udp', () => media(session, 'udp', [], signal)),
    run('tcp', () => media(session, 'tcp', [], signal)),
    relays.length > 0
      ? run('turn', () => media(session, 'turn', relays, signal))
      : run('turn', () => Promise.resolve({ state: 'skipped' })),
  ]);
  return results;
}

async function signalling(session: Session): Promise<NetResult> {
  const times: number[] = [];
  for (let n = 0; n < PINGS; n++) {
    const start = performance.now();
    await session.request('ping', { t: n }, { timeoutMs: 5_000 });
    times.push(performance.now() - start);
  }
  return { state: 'ok', rttMs: median(times) };
}

async function device(constraints: MediaStreamConstraints): Promise<NetResult> {
  const stream = await navigator.mediaDevices.getUserMedia(constraints);
  const [track] = stream.getTracks();
  const alive = track?.readyState === 'live';
  const detail = track?.label ?? '';
  for (const one of stream.getTracks()) one.stop();
  return { state: alive ? 'ok' : 'failed', detail };
}

async function media(session: Session, way: NetWay, iceServers: RTCIceServer[], signal: AbortSignal): Promise<NetResult> {
  const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: way === 'turn' ? 'relay' : 'all' });
  const stop = () => pc.close();
  signal.addEventListener('abort', stop);
  try {
    // Lost packets stay lost, as sound and pictures do.
    const channel = pc.createDataChannel('convene-echo', { ordered: false, maxRetransmits: 0 });
    const opened = new Promise<boolean>((resolve) => {
      channel.onopen = () => resolve(true);
      pc.addEventListener('connectionstatechange', () => {
        if (pc.connectionState === 'failed' || pc.connectionState === 'closed') resolve(false);
      });
    });
    await pc.setLocalDescription();
    const answer = (await session.request('net:test', { sdp: pc.localDescription?.sdp ?? '' })) as { sdp?: string };
    // Nothing of the way is left: the server has it switched off.
    const sdp = onlyWay(answer.sdp ?? '', way);
    if (!sdp.includes('a=candidate:')) return { state: 'skipped' };
    await pc.setRemoteDescription({ type: 'answer', sdp });
    const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), CONNECT_MS));
    if (!(await Promise.race([opened, late]))) return { state: 'failed', detail: pc.iceConnectionState };
    const { rttMs, loss } = await echo(channel);
    if (loss === 1) return { state: 'failed', detail: 'no echo' };
    return { state: 'ok', rttMs, loss, detail: await pathOf(pc) };
  } finally {
    signal.removeEventListener('abort', stop);
    pc.close();
  }
}

function echo(channel: RTCDataChannel): Promise<{ rttMs: number; loss: number }> {
  const sent = new Map<number, number>();
  const times: number[] = [];
  let count = 0;
  channel.onmessage = (event) => {
    const at = sent.get(Number(event.data));
    if (at === undefined) return;
    sent.delete(Number(event.data));
    times.push(performance.now() - at);
  };
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (channel.readyState !== 'open') return;
      sent.set(++count, performance.now());
      channel.send(String(count));
    }, ECHO_EVERY_MS);
    setTimeout(() => clearInterval(timer), ECHO_MS);
    setTimeout(() => resolve({ rttMs: median(times), loss: count === 0 ? 1 : 1 - times.length / count }), ECHO_MS + ECHO_TAIL_MS);
  });
}

/** `host udp`, `prflx tcp`, `relay tls`: what a person who helps wants to know. */
async function pathOf(pc: RTCPeerConnection): Promise<string> {
  const rows = new Map<string, Record<string, unknown>>();
  (await pc.getStats()).forEach((row: { id: string }) => rows.set(row.id, row as never));
  const transport = [...rows.values()].find((row) => row['type'] === 'transport');
  const pair = rows.get(String(transport?.['selectedCandidatePairId'] ?? ''));
  const local = rows.get(String(pair?.['localCandidateId'] ?? ''));
  if (!local) return '';
  return `${String(local['candidateType'])} ${String(local['relayProtocol'] ?? local['protocol'] ?? '')}`;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const nameOf = (error: unknown): string =>
  error && typeof error === 'object' && 'code' in error && typeof error.code === 'string'
    ? error.code
    : error instanceof Error
      ? error.name
      : String(error);
