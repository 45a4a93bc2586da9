/** What a call looks like from outside: its state, its events, and the state of no call. */
import type { HandsChanged, LockChanged, Reactions, UnmuteAsked } from './hosting';
import type { LinkState } from './media-link';
import type { LinkStats } from './stats';
import type { Participant, Quality, Source } from './wire';

export interface RemoteTrack {
  trackId: string;
  userId: string;
  participantId: string;
  kind: string;
  source: Source;
  muted: boolean;
  codec: string;
  layers: number;
  /** The layer that arrives; `null` while none does. */
  current: number | null;
  /** Held back because the network is too slow. */
  paused: boolean;
  /** This browser has no decoder for it: nothing will be seen until it is published in another codec. */
  unsupported: boolean;
}

/** `notified`: it is known to the server, but no device of theirs has said that it rings. */
export type InviteState = 'calling' | 'notified' | 'ringing' | 'declined' | 'missed' | 'busy';

/** Somebody may still answer. */
export const stillRings = (state: InviteState | undefined): boolean => state === 'calling' || state === 'notified' || state === 'ringing';

export interface CallSnapshot {
  phase: 'idle' | 'joining' | 'joined';
  callId: string;
  channelId: string;
  participantId: string;
  participants: readonly Participant[];
  tracks: readonly RemoteTrack[];
  invites: ReadonlyMap<string, InviteState>;
  /** By participant id, as last told. */
  quality: ReadonlyMap<string, Quality>;
  joinedAt: number;
  media: LinkState;
  /** Since when no sound and no picture arrive (ms), 0 while they do. */
  mediaLostAt: number;
  /** No picture is received, because I asked for it. */
  soundOnly: boolean;
  /** No picture is received, because there is room for sound only. */
  starved: boolean;
  deafened: boolean;
  soundBlocked: boolean;
  /** User ids of those who have a hand up, the first one first. */
  hands: readonly string[];
  /** Nobody new comes in. */
  locked: boolean;
  /** Goes up whenever received media changed place. */
  received: number;
}

export interface CallEnded {
  callId: string;
  channelId: string;
  reason: string;
  durationMs: number;
  byMe: boolean;
  /** Left for another one, which follows at once. */
  next: boolean;
}

export interface CallEvents {
  change: CallSnapshot;
  ended: CallEnded;
  stats: LinkStats;
  failed: { code: string };
  mutedByHost: void;
  /** The host has taken that back, and I am heard as I want to be. */
  muteTakenBack: void;
  unmuteAsked: UnmuteAsked;
  hands: HandsChanged;
  locked: LockChanged;
  reactions: Reactions;
  quality: readonly Quality[];
  /** The participant who has the floor. */
  dominant: string | null;
}

export const IDLE: CallSnapshot = {
  phase: 'idle',
  callId: '',
  channelId: '',
  participantId: '',
  participants: [],
  tracks: [],
  invites: new Map(),
  quality: new Map(),
  joinedAt: 0,
  media: 'connecting',
  mediaLostAt: 0,
  soundOnly: false,
  starved: false,
  deafened: false,
  soundBlocked: false,
  hands: [],
  locked: false,
  received: 0,
};
