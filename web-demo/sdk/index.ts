/** The client library: no framework, no texts. `createConvene` gives one object per page. */
import { Call } from './call';
import { Chat } from './chat';
import { browserDraftStore, Drafts, type DraftStore } from './drafts';
import { LocalMedia } from './local-media';
import type { OutboxStore } from './outbox';
import { browserOutboxStore } from './outbox-store';
import { Knocks } from './knocks';
import { Notices } from './notices';
import { PresenceBook } from './presence';
import { OwnSettings } from './settings';
import { Emitter } from './emitter';
import { ReconnectWatch } from './reconnect-watch';
import { Rings } from './rings';
import { Safety } from './safety';
import { Schedule } from './schedule';
import { Session, type SessionOptions } from './session';
import { browserTailStore, TailKeeper, type TailStore } from './tail';
import { Typing } from './typing';
import type { PublishOptions } from './codecs';
import type { Account } from './wire';

export * from './errors';
export * from './devices';
export { canShareScreen, type ScreenMode, type ScreenSurface } from './screen';
export { NetworkWatch, WELL, type NetworkView, type NetworkWord } from './network-health';
export { TabLeader } from './leader';
export { PushToTalk } from './push-to-talk';
export { FINE, type ConnectionReason, type ConnectionStage, type ConnectionView } from './reconnect';
export { login, logout, refresh, type Login, type LoginFrom } from './rest';
export * from './administration';
export * from './guests';
export * from './invites';
export { FULL_GRANTS, grantsOf, isGuestName, type Grants } from './grants';
export type { Knock } from './knocks';
export { askUnmute, lockCall, reactInCall, setHand, takeMuteBack, type Reactions, type UnmuteAsked } from './hosting';
export * from './moderation';
export * from './oversight';
export * from './revisions';
export * from './rights';
export * from './sessions';
export { TokenKeeper, type TokenStore } from './token';
export type { Session, SessionStatus, SessionPhase } from './session';
export type { Call } from './call';
export type { CallSnapshot, CallEnded, RemoteTrack, InviteState } from './call-state';
export { stillRings } from './call-state';
export { CODECS, type PublishOptions, type VideoCodec } from './codecs';
export * from './net-test';
export type { DeviceKind, LocalSnapshot, LocalMedia } from './local-media';
export type { LinkStats, TrackStats } from './stats';
export { neededHeight, type Layer, type Look } from './subscriptions';
export type { OutboxItem } from './outbox';
export type { Timeline } from './timeline';
export type { Ring } from './rings';
export type { Status } from './presence';
export type { Receipts, SearchPage, SearchQuery, Suggestions } from './chat-types';
export type { ScheduleOptions } from './schedule';
export type {
  Account, Badge, CallRecord, Channel, LiveCall, Message, Notice, Participant, Presence, Quality, Reader, Scheduled, SearchHit, Settings, SignIn, Source, Thread, ThreadSummary, User,
} from './wire';

export interface ConveneOptions {
  /** `ws://…/ws`. */
  url: string;
  device: SessionOptions['device'];
  client: string;
  token: () => string | null;
  /** Gets a fresh token when the server says that this one has expired. */
  renew?: SessionOptions['renew'];
  /** How the camera is sent; without, three layers of VP8. */
  publish?: PublishOptions;
  outbox?: OutboxStore;
  drafts?: DraftStore;
  /** Where the end of the last conversation is kept. */
  tail?: TailStore;
  socket?: SessionOptions['socket'];
}

export interface Convene {
  readonly session: Session;
  readonly chat: Chat;
  readonly drafts: Drafts;
  readonly tail: TailKeeper;
  readonly presence: PresenceBook;
  readonly settings: OwnSettings;
  readonly typing: Typing;
  readonly schedule: Schedule;
  readonly notices: Notices;
  readonly safety: Safety;
  readonly rings: Rings;
  /** Guests at the door, or I as one. */
  readonly knocks: Knocks;
  readonly local: LocalMedia;
  readonly call: Call;
  /** What to say while a connection is lost. */
  readonly reconnect: ReconnectWatch;
  readonly events: Emitter<{ me: Account }>;
  /** Shows what was there last time while the server is being reached; gives whose it is, if there is something. */
  restore(userId: string): Promise<Account | null>;
  start(): void;
  stop(): void;
}

export function createConvene(options: ConveneOptions): Convene {
  const session = new Session({
    url: options.url,
    token: options.token,
    device: options.device,
    client: options.client,
    ...(options.renew ? { renew: options.renew } : {}),
    ...(options.socket ? { socket: options.socket } : {}),
  });
  const chat = new Chat(session, options.outbox ?? browserOutboxStore());
  const drafts = new Drafts(options.drafts ?? browserDraftStore());
  const presence = new PresenceBook(session);
  const settings = new OwnSettings(session);
  const typing = new Typing(session);
  const schedule = new Schedule(session);
  const notices = new Notices();
  const safety = new Safety(session);
  const rings = new Rings(session);
  const tail = new TailKeeper(chat, safety, options.tail ?? browserTailStore());
  const knocks = new Knocks(session);
  const local = new LocalMedia();
  const call = new Call(session, local, (callId) => rings.active.find((one) => one.callId === callId), options.publish);
  const reconnect = new ReconnectWatch(session, call, local);
  const events = new Emitter<{ me: Account }>();

  session.events.on('ready', (ready) => {
    chat.onReady(ready);
    void drafts.open(ready.user.id, chat.outbox.leftBehind);
    tail.onReady(ready.user);
    presence.onReady(ready.presence);
    settings.onReady(ready.settings);
    rings.onReady(ready);
    knocks.onReady(ready);
    call.onReady(ready.user.id, ready);
    events.emit('me', ready.user);
    void chat.loadPeople().catch(() => {});
    void schedule.load().catch(() => {});
    void safety.load().catch(() => {});
  });
  session.events.on('resumed', () => presence.onResumed());
  session.events.on('event', ({ ev, d }) => {
    // Rings and the running call both follow `call:*`; the rest has one reader each.
    if (chat.onEvent(ev, d) || presence.onEvent(ev, d) || typing.onEvent(ev, d) || schedule.onEvent(ev, d) || notices.onEvent(ev, d) || settings.onEvent(ev, d) || safety.onEvent(ev, d) || knocks.onEvent(ev, d)) return;
    rings.onEvent(ev, d, (callId) => call.state.callId === callId);
    call.onEvent(ev, d);
  });
  chat.events.on('joined', ({ channelId, d }) => {
    for (const u of (d as { typing?: object[] }).typing ?? []) typing.onEvent('typing:user_start', { channelId, ...u });
    presence.onEvent('presence:changed', (d as { presence?: unknown }).presence ?? []);
  });
  chat.events.on('message', (m) => typing.wrote(m.channelId, m.authorId));

  return {
    session,
    chat,
    drafts,
    tail,
    presence,
    settings,
    typing,
    schedule,
    notices,
    safety,
    rings,
    knocks,
    local,
    call,
    reconnect,
    events,
    restore: async (userId) => {
      const me = await tail.restore(userId);
      if (me) void drafts.open(userId, chat.outbox.leftBehind);
      return me;
    },
    start: () => session.start(),
    stop: () => {
      call.close();
      session.stop();
      tail.reset();
      chat.reset();
      drafts.close();
      presence.reset();
      schedule.reset();
      notices.reset();
      safety.reset();
      rings.reset();
      knocks.reset();
    },
  };
}
