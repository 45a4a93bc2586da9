/**
 * Tries, one by one, everything a call needs: signalling, devices, each way media can take, and what the best of them
 * carries. Every way gets a connection of its own with only that kind of candidates; the server sends back what comes.
 */
import type { Session } from './session';
import { iceData, read } from './wire';

export const NET_STEPS = ['signalling', 'microphone', 'camera', 'speaker', 'udp', 'tcp', 'turn', 'upload'] as const;
export type NetStep = (typeof NET_STEPS)[number];
export type NetWay = 'udp' | 'tcp' | 'turn';

/** The best one first. */
const WAYS = ['udp', 'tcp', 'turn'] as const;

export interface NetResult {
  /** `weak`: it works, but not well enough, or nothing is heard. */
  state: 'waiting' | 'running' | 'ok' | 'weak' | 'failed' | 'skipped';
  /** Median time there and back. */
  rttMs?: number;
  /** Share of packets that never came back, 0 to 1. */
  loss?: number;
  /** What it carries. */
  kbps?: number;
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

/** How long a microphone may be silent before it is said. People at a test say something, or breathe. */
const LISTEN_MS = 1_500;
/** Beyond the noise of a converter, below a whisper. */
const HEARD = 0.002;
const CHIME_MS = 700;
/** A call in high definition sends no more; there is no reason to fill a line further. */
const UPLOAD_KBPS = 3_000;
const UPLOAD_MS = 2_500;
const UPLOAD_EVERY_MS = 20;
const UPLOAD_CHUNK = 1_000;
/** More than this in the browser's own queue is a line that is full. */
const UPLOAD_QUEUE = 32_000;
/** Sound and a small picture. */
const WEAK_KBPS = 300;

export const emptyResults = (): NetResults =>
  Object.fromEntries(NET_STEPS.map((step) => [step, { state: 'waiting' }])) as NetResults;

export function verdictOf(results: NetResults): NetVerdict {
  if (results.signalling.state !== 'ok') return 'offline';
  const way = WAYS.find((one) => results[one].state === 'ok');
  if (!way) return 'blocked';
  const { rttMs = 0, loss = 0 } = results[way];
  if (rttMs > WEAK_RTT_MS || loss > WEAK_LOSS || results.upload.state === 'weak') return 'weak';
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
  await run('microphone', microphone);
  await run('camera', () => device({ video: true }));
  await run('speaker', chime);
  if (results.signalling.state !== 'ok') {
    for (const step of ['udp', 'tcp', 'turn', 'upload'] as const) onStep(step, (results[step] = { state: 'skipped' }));
    return results;
  }
  const servers = read(iceData, await session.request('rtc:ice', {}).catch(() => null), 'rtc:ice');
  const iceServers = (servers?.iceServers ?? []) as RTCIceServer[];
  const relays = iceServers.filter((one) => [one.urls].flat().some((url) => url.startsWith('turn')));
  const links = new Map<NetWay, Link>();
  const way = (name: NetWay, servers: RTCIceServer[]) =>
    run(name, async () => {
      const link = await connect(session, name, servers, signal);
      if ('state' in link) return link;
      links.set(name, link);
      const { rttMs, loss } = await echo(link.channel);
      if (loss === 1) return { state: 'failed', detail: 'no echo' };
      return { state: 'ok', rttMs, loss, detail: await pathOf(link.pc) };
    });
  try {
    await Promise.all([way('udp', []), way('tcp', []), relays.length > 0 ? way('turn', relays) : run('turn', () => Promise.resolve({ state: 'skipped' }))]);
    // Alone: side by side the ways would share the line.
    const best = WAYS.find((one) => results[one].state === 'ok');
    const link = best && links.get(best);
    await run('upload', () => (link ? upload(link.channel) : Promise.resolve({ state: 'skipped' })));
  } finally {
    for (const { pc } of links.values()) pc.close();
  }
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

/** Opens, and something is heard. */
async function microphone(): Promise<NetResult> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const context = new AudioContext();
  try {
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const heard = await within(LISTEN_MS, 50, () => {
      if (context.state !== 'running') void context.resume().catch(() => {});
      analyser.getFloatTimeDomainData(samples);
      return samples.some((sample) => Math.abs(sample) > HEARD);
    });
    const [track] = stream.getTracks();
    if (track?.readyState !== 'live') return { state: 'failed' };
    // Where the browser lets no page listen yet, silence says nothing.
    const silent = !heard && context.state === 'running';
    return { state: silent ? 'weak' : 'ok', detail: silent ? 'silent' : track.label };
  } finally {
    for (const track of stream.getTracks()) track.stop();
    void context.close().catch(() => {});
  }
}

/** Two notes. Whether they were heard only the person knows. */
async function chime(): Promise<NetResult> {
  const context = new AudioContext();
  try {
    // It never starts where the browser allows no sound.
    if (!(await within(1_000, 50, () => context.state === 'running'))) return { state: 'failed', detail: context.state };
    const gain = context.createGain();
    gain.connect(context.destination);
    gain.gain.setValueAtTime(0, context.currentTime);
    gain.gain.linearRampToValueAtTime(0.2, context.currentTime + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + CHIME_MS / 1_000);
    for (const [hz, at] of [[660, 0], [880, 0.2]] as const) {
      const note = context.createOscillator();
      note.frequency.value = hz;
      note.connect(gain);
      note.start(context.currentTime + at);
      note.stop(context.currentTime + CHIME_MS / 1_000);
    }
    const from = context.currentTime;
    // The clock of a device that plays nothing stands still.
    const played = await within(CHIME_MS * 3, 50, () => context.currentTime - from >= CHIME_MS / 1_000);
    return { state: played ? 'ok' : 'failed', ...(played ? {} : { detail: 'stalled' }) };
  } finally {
    void context.close().catch(() => {});
  }
}

/** Asks again and again until it is so; `false` if it never was. */
function within(ms: number, everyMs: number, is: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const until = performance.now() + ms;
    const look = () => {
      const found = is();
      if (!found && performance.now() < until) return;
      clearInterval(timer);
      resolve(found);
    };
    const timer = setInterval(look, everyMs);
    look();
  });
}

interface Link {
  pc: RTCPeerConnection;
  channel: RTCDataChannel;
}

/** Opens a way, or says why it does not. */
async function connect(session: Session, way: NetWay, iceServers: RTCIceServer[], signal: AbortSignal): Promise<Link | NetResult> {
  const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: way === 'turn' ? 'relay' : 'all' });
  signal.addEventListener('abort', () => pc.close(), { once: true });
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
    if (!sdp.includes('a=candidate:')) return ended(pc, { state: 'skipped' });
    await pc.setRemoteDescription({ type: 'answer', sdp });
    const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), CONNECT_MS));
    if (!(await Promise.race([opened, late]))) return ended(pc, { state: 'failed', detail: pc.iceConnectionState });
    return { pc, channel };
  } catch (error) {
    pc.close();
    throw error;
  }
}

function ended(pc: RTCPeerConnection, result: NetResult): NetResult {
  pc.close();
  return result;
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

/** Sends as much as a call would, and counts what comes back. */
function upload(channel: RTCDataChannel): Promise<NetResult> {
  const chunk = new Uint8Array(UPLOAD_CHUNK);
  let [sent, back, first, last] = [0, 0, 0, 0];
  channel.onmessage = () => {
    last = performance.now();
    first ||= last;
    back++;
  };
  return new Promise((resolve) => {
    const start = performance.now();
    const timer = setInterval(() => {
      if (channel.readyState !== 'open') return;
      const due = ((performance.now() - start) * UPLOAD_KBPS) / 8 / UPLOAD_CHUNK;
      while (sent < due && channel.bufferedAmount < UPLOAD_QUEUE) {
        channel.send(chunk);
        sent++;
      }
    }, UPLOAD_EVERY_MS);
    setTimeout(() => clearInterval(timer), UPLOAD_MS);
    setTimeout(() => resolve(uploaded(sent, back, last - first)), UPLOAD_MS + ECHO_TAIL_MS);
  });
}

export function uploaded(sent: number, back: number, ms: number): NetResult {
  if (back < 2 || ms <= 0) return { state: 'failed', detail: 'no echo' };
  // The first one began the time.
  const kbps = Math.round(((back - 1) * UPLOAD_CHUNK * 8) / ms);
  const loss = Math.max(0, 1 - back / sent);
  return { state: kbps < WEAK_KBPS || loss > WEAK_LOSS ? 'weak' : 'ok', kbps, loss };
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
