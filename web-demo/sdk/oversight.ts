/** What administrators see of the whole server: numbers, live calls, rings and settings. The rest of what they do is in `moderation`. */
import * as v from 'valibot';
import { ask } from './ask';
import type { Session } from './session';
import { flag, int, read, readList, text } from './wire';

const maybe = () => v.nullish(v.number(), null);

export const overview = v.object({
  version: text(),
  startedAt: text(),
  people: int(),
  connections: int(),
  calls: int(),
  ringing: int(),
  peopleInCalls: int(),
  /** Of all cores, 0 to 1; `null` until it was measured twice, as are the rates. */
  cpu: maybe(),
  cores: int(1),
  /** Bytes. */
  memory: maybe(),
  /** bit/s */
  receivedBitrate: maybe(),
  sentBitrate: maybe(),
});
export type Overview = v.InferOutput<typeof overview>;

export const measured = v.object({
  score: int(),
  /** 0 to 1. */
  loss: int(),
  /** ms */
  jitter: int(),
  rtt: maybe(),
  issues: v.nullish(v.array(v.string()), []),
});
export type Measured = v.InferOutput<typeof measured>;

export const runningCall = v.object({
  callId: v.string(),
  channelId: text(),
  channelKind: text(),
  /** Empty for direct conversations: whose it is is told to nobody else. */
  channelName: text(),
  mode: text('room'),
  state: text('ongoing'),
  startedAt: text(),
  people: int(),
  ringing: int(),
  microphones: int(),
  cameras: int(),
  screens: int(),
  worst: v.nullish(measured, null),
});
export type RunningCall = v.InferOutput<typeof runningCall>;

export const runningPerson = v.object({
  participantId: v.string(),
  userId: text(),
  name: text(),
  connection: text(),
  joinedAt: text(),
  quality: v.nullish(measured, null),
});
export type RunningPerson = v.InferOutput<typeof runningPerson>;

export const runningRing = v.object({
  callId: v.string(),
  channelKind: text(),
  channelName: text(),
  callerName: text(),
  userId: text(),
  name: text(),
  since: text(),
  expiresAt: text(),
  shown: flag(),
});
export type RunningRing = v.InferOutput<typeof runningRing>;

export const policySetting = v.object({ name: v.string(), value: v.union([v.string(), v.number(), v.boolean()]), changed: flag() });
export type PolicySetting = v.InferOutput<typeof policySetting>;

const LONGEST = 100;

export async function serverOverview(session: Session): Promise<Overview | null> {
  return read(overview, await ask(session, 'admin:overview', {}), 'admin:overview');
}

/** The worst connection first; `count` is of all there are. */
export async function runningCalls(session: Session): Promise<{ calls: RunningCall[]; count: number }> {
  const d = await ask(session, 'admin:calls', { limit: LONGEST });
  return { calls: readList(runningCall, d, 'calls'), count: (d as { count?: number }).count ?? 0 };
}

export async function peopleOfCall(session: Session, callId: string): Promise<RunningPerson[]> {
  return readList(runningPerson, await ask(session, 'admin:call', { callId }), 'participants');
}

/** For everybody in it. */
export async function closeCall(session: Session, callId: string): Promise<void> {
  await ask(session, 'admin:end_call', { callId });
}

/** The one that ends next first. */
export async function runningRings(session: Session): Promise<{ rings: RunningRing[]; count: number }> {
  const d = await ask(session, 'admin:rings', { limit: LONGEST });
  return { rings: readList(runningRing, d, 'rings'), count: (d as { count?: number }).count ?? 0 };
}

/** Of one person, or of everybody the call rings. */
export async function cancelRing(session: Session, callId: string, userId = ''): Promise<void> {
  await ask(session, 'admin:cancel_ring', { callId, ...(userId ? { userId } : {}) });
}

export async function serverPolicy(session: Session): Promise<PolicySetting[]> {
  return readList(policySetting, await ask(session, 'admin:policy', {}), 'settings');
}
