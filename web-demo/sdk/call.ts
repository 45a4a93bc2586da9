/**
 * The call I am in. At most one; it lives outside the page's views, survives a lost socket by
 * resuming or re-joining, and a lost media path by ICE restart or a new connection.
 */
import { AudioSink } from './audio-sink';
import { IDLE, stillRings, type CallEvents, type CallSnapshot, type InviteState, type RemoteTrack } from './call-state';
import { Emitter, type Unsubscribe } from './emitter';
import { codeOf, ConveneError, offline } from './errors';
import { Levels } from './levels';
import type { LocalMedia, LocalSnapshot } from './local-media';
import type { PublishOptions } from './codecs';
import type { LinkState, MediaLink } from './media-link';
import type { Places } from './places';
import type { Session } from './session';
import type { LinkStats, StatsReader } from './stats';
import { Subscriptions } from './subscriptions';
import {
  answerEvent,
  codecsEvent,
  errorEvent,
  joinData,
  layersEvent,
  participant as participantSchema,
  qualityEvent,
  read,
  rtcState,
  sectionsEvent,
  speakersEvent,
  trackEvent,
  unsupportedEvent,
  voiceState as voiceStateSchema,
  type IceData,
  type JoinData,
  type LiveCall,
  type Participant,
  type Source,
  type TrackEvent,
  type VoiceState,
} from './wire';

const STATS_MS = 2_000;
const UPDATE_MS = 80;
/** The path is checked every 2.5 s at least: nothing for this long is no pause in a talk. */
const NOTHING_ARRIVES_MS = 5_000;
/** A device that is on says within this time that it rings; a slower one is believed later. */
const DEVICES_ANSWER_MS = 3_000;
/** Video nobody looks at stops after this long in a hidden tab. */
const HIDDEN_AFTER_MS = 10_000;
/** The largest of the camera's layers that is still small. */
const SMALL_LAYER = 1;

export class Call {
  readonly events = new Emitter<CallEvents>();
  readonly levels = new Levels();
  readonly sink = new AudioSink();
  readonly subscriptions: Subscriptions;
  readonly #session: Session;
  readonly #local: LocalMedia;
  readonly #known: (callId: string) => LiveCall | undefined;
  readonly #publishOptions: PublishOptions;
  #me = '';
  #state: CallSnapshot = IDLE;
  #media: typeof import('./media') | null = null;
  #link: MediaLink | null = null;
  #linkOff: Unsubscribe[] = [];
  #reader: StatsReader | null = null;
  #statsTimer: ReturnType<typeof setInterval> | undefined;
  #updateTimer: ReturnType<typeof setTimeout> | undefined;
  #hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  /** The page has been out of sight for a while. */
  #hidden = false;
  #mostLayer: number | null = null;
  /** What was said of me last; `null`: nothing that still holds. */
  #sentState: Omit<VoiceState, 'handRaised'> | null = null;
  #published = new Map<Source, { track: MediaStreamTrack | null; held: boolean }>();
  /** When the counter of what arrives went up last. */
  #arrived = { count: 0, at: 0 };
  /** Told last; whoever enters a call before `until` can use them at once. */
  #ice: { servers: RTCIceServer[]; until: number } = { servers: [], until: 0 };
  /** Events of the call that came before the ack of our own join. */
  #early: { ev: string; d: unknown }[] = [];
  /** The seat is gone and another one is being taken: what the old connection offers would be taken for the new one's. */
  #moving = false;
  #attempt = 0;
  lastStats: LinkStats | null = null;

  /** `known`: a call as others see it, before I am in it. */
  constructor(session: Session, local: LocalMedia, known: (callId: string) => LiveCall | undefined, publish: PublishOptions = {}) {
    this.#publishOptions = publish;
    this.#known = known;
    this.#session = session;
    this.#local = local;
    this.subscriptions = new Subscriptions((tracks) =>
      this.#state.phase === 'joined' && this.#link
        ? session.tell('rtc:subscribe', { callId: this.#state.callId, tracks })
        : false,
    );
    local.events.on('change', (state) => this.#localChanged(state));
    this.sink.events.on('blocked', (soundBlocked) => this.#set({ soundBlocked }));
    local.events.on('devices', ({ speakers }) => this.sink.devicesChanged(speakers.map((d) => d.deviceId)));
    session.events.on('status', (status) => {
      if (this.#state.phase === 'joined' && status.phase === 'closed') this.#finish({ reason: status.code, byMe: false });
    });
    session.events.on('resumed', () => {
      if (this.#state.phase !== 'joined') return;
      this.subscriptions.resend();
      this.#sendUpdate(true);
      this.#link?.negotiate();
    });
  }

  get state(): CallSnapshot {
    return this.#state;
  }
  get link(): MediaLink | null {
    return this.#link;
  }
  get me(): Participant | undefined {
    return this.#state.participants.find((p) => p.participantId === this.#state.participantId);
  }

  /** A fresh session: the seat may be gone, so take it again in the same call. */
  onReady(userId: string, ice: IceData): void {
    this.#me = userId;
    this.#noteIce(ice);
    if (this.#state.phase === 'joined') void this.#retake();
  }

  async start(channelId: string, type: 'voice' | 'video', participantIds: string[] = []): Promise<void> {
    const nonce = crypto.randomUUID();
    await this.#enter(channelId, 'call:start', { channelId, type, participantIds, nonce });
    // With somebody in it, it was started before: what their devices said is not told again.
    if (this.#state.participants.length === 1) this.#awaitDevices([...this.#state.invites.keys()]);
  }
  accept(callId: string, channelId: string): Promise<void> {
    return this.#enter(channelId, 'call:accept', { callId });
  }
  join(callId: string, channelId: string): Promise<void> {
    return this.#enter(channelId, 'call:join', { callId });
  }
  joinVoice(channelId: string): Promise<void> {
    const { micOn } = this.#local.state;
    return this.#enter(channelId, 'voice:join', { channelId, muted: !micOn, deafened: false });
  }

  /** `next`: another call follows at once; devices stay open for it, but what is shared is of this call. */
  async leave({ next = false } = {}): Promise<void> {
    const { phase, callId, participants, invites } = this.#state;
    if (phase === 'idle') return;
    const rings = [...invites.values()].some(stillRings);
    this.#finish({ reason: 'left', byMe: true, next });
    if (callId) await this.#hangUp(callId, rings && participants.length <= 1);
  }

  async endForAll(): Promise<void> {
    const { callId } = this.#state;
    if (callId) await this.#session.request('call:end', { callId });
  }

  /** Who started the call, and hosts of the channel, may. */
  async muteParticipant(userId: string): Promise<void> {
    await this.#session.request('call:mute_participant', { callId: this.#state.callId, userId });
  }

  /** With all of its devices. */
  async kickParticipant(userId: string): Promise<void> {
    await this.#session.request('call:kick_participant', { callId: this.#state.callId, userId });
  }

  async invite(userIds: string[]): Promise<void> {
    await this.#session.request('call:invite', { callId: this.#state.callId, userIds });
    this.#setInvites(userIds, 'calling');
    this.#awaitDevices(userIds);
  }

  deafen(deafened: boolean): void {
    this.sink.deafen(deafened);
    this.#set({ deafened });
    void this.#local.deafen(deafened);
    this.#sendUpdate();
  }

  /** The page was hidden or shown. */
  visibility(hidden: boolean): void {
    clearTimeout(this.#hiddenTimer);
    const settle = () => {
      this.#hidden = hidden;
      this.#pauseVideo();
    };
    if (hidden) this.#hiddenTimer = setTimeout(settle, HIDDEN_AFTER_MS);
    else settle();
  }

  /** Receives no pictures, to leave what there is of the network to the sound. */
  soundOnly(soundOnly: boolean): void {
    this.#set({ soundOnly });
    this.#pauseVideo();
  }

  /** The network has room for sound only, or for more again. */
  starve(starved: boolean): void {
    if (starved === this.#state.starved) return;
    this.#set({ starved });
    this.#pauseVideo();
  }

  /** Sends the camera without its large pictures. */
  sendSmall(small: boolean): void {
    this.#mostLayer = small ? SMALL_LAYER : null;
    void this.#link?.limitLayers('camera', this.#mostLayer);
  }

  #pauseVideo(): void {
    this.subscriptions.pause(this.#hidden || this.#state.soundOnly || this.#state.starved);
  }

  streamOf(trackId: string): MediaStream | null {
    return this.#link?.streamOf(trackId) ?? null;
  }

  /** Try at once whatever is broken. */
  retry(): void {
    this.#session.retryNow();
    this.#link?.restartIce();
  }

  /** The browser says that it has a network again, perhaps another one. */
  networkChanged(): void {
    if (this.#state.phase === 'joined') this.#link?.restartIce();
  }

  onEvent(ev: string, d: unknown): void {
    const { callId } = d as { callId?: string };
    if (this.#state.phase === 'joining' && (ev.startsWith('rtc:') || ev.startsWith('call:') || ev.startsWith('voice:'))) {
      if (this.#early.length < 512) this.#early.push({ ev, d });
      return;
    }
    if (this.#state.phase !== 'joined') return;
    if (callId && callId !== this.#state.callId) return;
    switch (ev) {
      case 'rtc:answer': {
        const answer = read(answerEvent, d, ev);
        if (answer) this.#link?.onAnswer(answer);
        return;
      }
      case 'error': {
        const error = read(errorEvent, d, ev);
        if (error?.gen != null) this.#link?.onRefused(error.gen, new ConveneError(error.code, error.message));
        return;
      }
      case 'rtc:sections': {
        const sections = read(sectionsEvent, d, ev);
        if (sections) this.#link?.onSections(sections.audio, sections.video);
        return;
      }
      case 'rtc:restart':
        this.#link?.restartIce();
        return;
      case 'rtc:track': {
        const track = read(trackEvent, d, ev);
        if (track) this.#onTrack(track);
        return;
      }
      case 'rtc:layers': {
        const layers = read(layersEvent, d, ev);
        if (layers?.wanted && layers.source) void this.#link?.sendLayers(layers.source, layers.wanted);
        else if (layers) this.#onLayers(layers.trackId, layers.active, layers.current ?? null, layers.paused);
        return;
      }
      case 'rtc:track_unsupported': {
        const track = read(unsupportedEvent, d, ev);
        if (track) this.#patchTrack(track.trackId, { unsupported: true });
        return;
      }
      case 'rtc:codecs': {
        const wanted = read(codecsEvent, d, ev);
        if (wanted) this.#link?.useCodecs(wanted.source, wanted.codecs);
        return;
      }
      case 'rtc:state': {
        const state = read(rtcState, d, ev);
        // Whoever leaves and comes back at once may still be told of the seat before.
        if (state && state.participantId !== '' && state.participantId !== this.#state.participantId) return;
        // The seat's media is gone on the server; signalling lives, so take a new one.
        if (state?.state === 'closed' && state.reason !== 'left') void this.#retake();
        return;
      }
      case 'call:speakers': {
        const told = read(speakersEvent, d, ev);
        this.levels.onSpeakers((told?.speakers ?? []).map((s) => ({ key: s.participantId, level: s.level })));
        if (told) this.events.emit('dominant', told.dominant?.participantId ?? null);
        return;
      }
      case 'call:quality': {
        const rows = read(qualityEvent, d, ev)?.participants ?? [];
        const quality = new Map(this.#state.quality);
        for (const row of rows) quality.set(row.participantId, row);
        this.#set({ quality });
        this.events.emit('quality', rows);
        return;
      }
      case 'call:muted':
        this.#onMuted(d as { participantId?: string; muted?: boolean });
        return;
      case 'call:participant_joined':
      case 'voice:user_joined':
        this.#onJoined(d);
        return;
      case 'call:participant_left':
      case 'voice:user_left':
        this.#onLeft(d);
        return;
      case 'voice:state_update':
        this.#onVoiceState(d);
        return;
      case 'call:ringing':
        this.#setInvites([(d as { userId: string }).userId], 'ringing');
        return;
      case 'call:declined': {
        const { userId, reason } = d as { userId: string; reason?: string };
        this.#setInvites([userId], reason === 'busy' ? 'busy' : 'declined');
        return;
      }
      case 'call:unanswered':
        this.#setInvites([(d as { userId: string }).userId], 'missed');
        return;
      case 'call:accepted':
        this.#setInvites([(d as { userId: string }).userId], null);
        return;
      case 'call:ended': {
        const { reason, durationMs } = d as { reason?: string; durationMs?: number | null };
        this.#finish({ reason: reason ?? '', byMe: false, durationMs: durationMs ?? 0 });
        return;
      }
      default:
        this.#onHosted(ev, d);
    }
  }

  close(): void {
    if (this.#state.phase !== 'idle') void this.leave();
  }

  async #enter(channelId: string, op: string, d: Record<string, unknown>): Promise<void> {
    const left = this.leave({ next: true });
    const attempt = ++this.#attempt;
    this.#set({ ...IDLE, phase: 'joining', channelId });
    try {
      await left;
      // What was told meanwhile is of the call before.
      this.#early = [];
      const media = this.prepare();
      const seat = this.#session.request(op, d, { wait: true, timeoutMs: 15_000 });
      const ahead = this.#openAhead(String(d.callId ?? ''), seat);
      const data = read(joinData, await seat, op);
      if (!data) throw new ConveneError('client.shape', 'unexpected answer');
      const loaded = await media;
      if (attempt !== this.#attempt || this.#phase() !== 'joining' || !loaded) {
        // Hung up before the answer came, or there is nothing to send and receive with.
        void this.#hangUp(data.callId, data.participants.length <= 1 && (data.call?.ringing.length ?? 0) > 0);
        if (loaded) return;
        throw new ConveneError('client.load', 'a part of the page could not be loaded');
      }
      this.#seated(data, channelId, ahead);
    } catch (error) {
      if (attempt === this.#attempt) {
        this.#reset();
        this.events.emit('failed', { code: codeOf(error) });
      }
      throw error;
    }
  }

  /** Loads what is only needed in calls; joining does so as well. `false`: it could not be loaded. */
  async prepare(): Promise<boolean> {
    this.#media ??= await import('./media').catch(() => null);
    return this.#media !== null;
  }

  #noteIce({ iceServers, iceServersTtl }: IceData): void {
    const ttl = iceServersTtl ?? 0;
    this.#ice = { servers: iceServers as RTCIceServer[], until: ttl > 0 ? Date.now() + ttl * 500 : Infinity };
  }

  /**
   * Whoever enters a call that is known makes the first offer while the server finds a seat, with places for those who
   * are there. The server asks for what is missing once it has the offer.
   */
  #openAhead(callId: string, seat: Promise<unknown>): MediaLink | null {
    if (!this.#media || !callId || this.#session.status.phase !== 'ready' || Date.now() > this.#ice.until) return null;
    return this.#openLink(callId, this.#ice.servers, this.#media.placesAhead(this.#known(callId)), seat);
  }

  /** `ahead`: what connects already. */
  #seated(data: JoinData, channelId: string, ahead: MediaLink | null = null): void {
    const startedAt = Date.parse(data.call?.answeredAt || data.call?.startedAt || '');
    const offset = this.#session.now() - Date.now();
    const rejoined = this.#state.callId === data.callId && this.#state.joinedAt > 0;
    this.levels.ownKey = data.participantId;
    this.#moving = false;
    this.#sentState = null;
    this.#set({
      phase: 'joined',
      callId: data.callId,
      channelId: data.call?.channelId || channelId,
      participantId: data.participantId,
      participants: unique(data.participants),
      hands: data.call?.hands ?? [],
      locked: data.call?.locked ?? false,
      tracks: [],
      // Another seat in the same call: what is known of them is not told again.
      invites: new Map((data.call?.ringing ?? []).filter((id) => id !== this.#me).map((id) => [id, (rejoined && this.#state.invites.get(id)) || 'calling'])),
      media: 'connecting',
      // Another seat in the same call is no end of the silence yet.
      mediaLostAt: rejoined ? this.#state.mediaLostAt : 0,
      joinedAt: rejoined ? this.#state.joinedAt : Number.isFinite(startedAt) ? startedAt - offset : Date.now(),
    });
    const early = this.#early;
    this.#early = [];
    this.#noteIce(data);
    const link = ahead ?? (this.#media && this.#openLink(data.callId, this.#ice.servers, this.#media.placesFor(data.tracks)));
    for (const track of data.tracks) this.#onTrack(track);
    for (const { ev, d } of early) this.onEvent(ev, d);
    this.subscriptions.resend();
    this.#sendUpdate(true);
    if (!link) return;
    // What connects already does so with credentials that are older than these.
    const ttl = (data.iceServersTtl ?? 0) / (ahead ? 2 : 1);
    this.#media?.renewIceServers(link, ttl, (timeoutMs) => this.#session.request('rtc:ice', { callId: data.callId }, { wait: true, timeoutMs }));
  }

  /** `places` for what others send; `seat` settles once the call was entered, or not. */
  #openLink(callId: string, iceServers: RTCIceServer[], places: Places, seat?: Promise<unknown>): MediaLink | null {
    this.#closeLink();
    if (!this.#media) return null;
    const { MediaLink, StatsReader } = this.#media;
    const link = new MediaLink({
      iceServers,
      offer: (payload) => (this.#moving ? Promise.reject(offline()) : this.#offer({ callId, ...payload }, seat)),
      muted: (source) => this.#isMuted(source),
      publish: this.#publishOptions,
    });
    this.#link = link;
    void link.limitLayers('camera', this.#mostLayer);
    this.#reader = new StatsReader(link);
    this.#linkOff = [
      link.events.on('state', (media) => this.#linkState(link, media)),
      link.events.on('received', () => this.#receivedChanged()),
    ];
    this.#statsTimer = setInterval(() => void this.#readStats(), STATS_MS);
    this.#published.clear();
    this.#localChanged(this.#local.state);
    link.receive(places.audio, places.video);
    if (link.pc.getTransceivers().length === 0) link.pc.addTransceiver('audio', { direction: 'recvonly' });
    link.negotiate();
    return link;
  }

  /** One that is there before its seat is sent once more. */
  async #offer(payload: object, seat?: Promise<unknown>): Promise<unknown> {
    try {
      return await this.#session.request('rtc:offer', payload);
    } catch (error) {
      if (codeOf(error) !== 'call.not_in_call' || this.#phase() !== 'joining') throw error;
      await seat;
      return this.#session.request('rtc:offer', payload);
    }
  }

  /** Hanging up before anybody answered stops the ring; somebody may answer at this very moment. */
  async #hangUp(callId: string, rings: boolean): Promise<void> {
    if (rings) {
      const cancelled = await this.#session.request('call:cancel', { callId }).then(
        () => true,
        () => false,
      );
      if (cancelled) return;
    }
    await this.#session.request('call:leave', { callId }).catch(() => {});
  }

  async #retake(): Promise<void> {
    const attempt = ++this.#attempt;
    const { callId, channelId } = this.#state;
    this.#moving = true;
    this.#set({ mediaLostAt: this.#state.mediaLostAt || Date.now() });
    for (let round = 0; attempt === this.#attempt; round++) {
      try {
        const data = read(joinData, await this.#session.request('call:join', { callId, fresh: true }, { wait: true, timeoutMs: 15_000 }), 'call:join');
        if (attempt !== this.#attempt || !data) return;
        this.#seated(data, channelId);
        return;
      } catch (error) {
        const code = codeOf(error);
        if (attempt !== this.#attempt) return;
        if (!code.startsWith('client.') && !code.startsWith('server.') && code !== 'limit.rate') {
          this.#finish({ reason: code === 'call.ended' || code.startsWith('not_found') ? 'ended' : code, byMe: false });
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, Math.min(8_000, 500 * 2 ** round)));
      }
    }
  }

  #linkState(link: MediaLink, media: LinkState): void {
    if (link !== this.#link) return;
    if (media === 'failed') {
      void this.#retake();
      return;
    }
    // A browser says so seconds after nothing came any more.
    const { mediaLostAt: before } = this.#state;
    const mediaLostAt = media === 'connected' ? 0 : media === 'interrupted' ? before || this.#arrived.at || Date.now() : before;
    this.#arrived = { count: 0, at: Date.now() };
    this.#set({ media, mediaLostAt });
  }

  #localChanged(state: LocalSnapshot): void {
    this.levels.measure(state.micTrack);
    if (!this.#link) return;
    const { paused, screenPaused } = state;
    this.#publish('mic', state.micTrack, paused);
    this.#publish('camera', state.cameraTrack, paused);
    this.#publish('screen', state.screenTrack, paused || screenPaused);
    this.#publish('screen_audio', state.screenAudio, paused || screenPaused);
    this.#sendUpdate();
    this.#patchSelf();
  }

  #publish(source: Source, track: MediaStreamTrack | null, held: boolean): void {
    const before = this.#published.get(source) ?? { track: null, held: false };
    this.#published.set(source, { track, held });
    const changed = before.track !== track;
    if (changed) void this.#link?.publish(source, track);
    if (track && (held !== before.held || (held && changed))) void this.#link?.hold(source, held ? null : track);
  }

  /** The same facts as in `voice:update`, per line of an offer. */
  #isMuted(source: Source): boolean {
    const { muted, video, screen } = this.#ownState();
    switch (source) {
      case 'mic':
        return muted;
      case 'camera':
        return !video;
      case 'screen':
        return !screen;
      case 'screen_audio':
        return this.#local.state.screenAudio === null;
    }
  }

  #ownState(): VoiceState {
    const { micOn, micTrack, cameraTrack, screenTrack } = this.#local.state;
    return {
      muted: !micOn || !micTrack,
      deafened: this.#state.deafened,
      video: cameraTrack !== null,
      screen: screenTrack !== null,
      handRaised: this.#state.hands.includes(this.#me),
    };
  }

  #sendUpdate(force = false): void {
    if (this.#state.phase !== 'joined') return;
    if (force) this.#sentState = null;
    this.#updateTimer ??= setTimeout(() => {
      this.#updateTimer = undefined;
      // A hand is raised by a command of its own: what it was when this is sent must not put it up or down again.
      const { handRaised: _, ...next } = this.#ownState();
      if (this.#state.phase !== 'joined' || JSON.stringify(next) === JSON.stringify(this.#sentState)) return;
      this.#sentState = next;
      this.#patchSelf();
      void this.#session.request('voice:update', { ...next, callId: this.#state.callId }).catch(() => {
        // Said again after the reconnect.
      });
    }, UPDATE_MS);
  }

  #patchSelf(): void {
    this.#patchParticipant((p) => p.participantId === this.#state.participantId, { voiceState: this.#ownState() });
  }

  #onTrack(t: TrackEvent): void {
    if (t.participantId === this.#state.participantId) return;
    if (t.state === 'unpublished') {
      this.subscriptions.forget(t.trackId);
      this.#set({ tracks: this.#state.tracks.filter((x) => x.trackId !== t.trackId) });
      this.#receivedChanged();
      return;
    }
    if (t.state === 'published') {
      const track: RemoteTrack = {
        trackId: t.trackId,
        userId: t.userId,
        participantId: t.participantId,
        kind: t.kind || (t.source === 'mic' || t.source === 'screen_audio' ? 'audio' : 'video'),
        source: t.source,
        muted: t.muted,
        codec: t.codec,
        layers: t.layers,
        current: null,
        paused: false,
        unsupported: false,
      };
      this.#set({ tracks: [...this.#state.tracks.filter((x) => x.trackId !== t.trackId), track] });
      this.#ensureParticipant(t.userId, t.participantId);
      return;
    }
    this.#patchTrack(t.trackId, { muted: t.state === 'muted' });
  }

  #onMuted({ participantId, muted = true }: { participantId?: string; muted?: boolean }): void {
    if (participantId !== this.#state.participantId) return;
    // The server has another state of mine now than the one it was told: taken back at once, mine is to be said again.
    this.#sentState = null;
    const was = this.#local.state.micModerated;
    this.#local.moderate(muted);
    if (muted) this.events.emit('mutedByHost', undefined);
    else if (was) this.events.emit('muteTakenBack', undefined);
  }

  #onHosted(ev: string, d: unknown): void {
    const news = this.#media?.hosted(ev, d);
    switch (news?.ev) {
      case 'hands':
        this.#set({ hands: news.d.hands });
        this.#patchSelf();
        return this.events.emit('hands', news.d);
      case 'locked':
        this.#set({ locked: news.d.locked });
        return this.events.emit('locked', news.d);
      case 'reactions':
        return this.events.emit('reactions', news.d);
      case 'unmuteAsked':
        return this.events.emit('unmuteAsked', news.d);
    }
  }

  #onJoined(d: unknown): void {
    const person = read(participantSchema, (d as { participant?: unknown }).participant, 'participant');
    if (!person) return;
    this.#setInvites([person.userId], null);
    this.#set({ participants: unique([...this.#state.participants, person]) });
  }

  #onLeft(d: unknown): void {
    const { participantId, reason = '' } = d as { participantId?: string; reason?: string };
    if (participantId === this.#state.participantId) {
      // Given up for the one that is being taken.
      if (this.#moving && (reason === 'replaced' || reason === 'left')) return;
      // The server took this seat away. A broken path is worth another one; a decision is not.
      if (reason === 'kicked' || reason === 'replaced' || reason === 'left') this.#finish({ reason, byMe: false });
      else if (reason !== 'call_ended') void this.#retake();
      return;
    }
    const gone = (p: { participantId: string }) => p.participantId === participantId;
    for (const t of this.#state.tracks) if (gone(t)) this.subscriptions.forget(t.trackId);
    this.#set({
      participants: this.#state.participants.filter((p) => !gone(p)),
      tracks: this.#state.tracks.filter((t) => !gone(t)),
    });
    this.#receivedChanged();
  }

  #onVoiceState(d: unknown): void {
    const { participantId, connection } = d as { participantId?: string; connection?: string };
    const voiceState = read(voiceStateSchema, (d as { voiceState?: unknown }).voiceState, 'voice:state_update');
    if (!voiceState || !participantId || participantId === this.#state.participantId) return;
    this.#patchParticipant((p) => p.participantId === participantId, { voiceState, ...(connection ? { connection } : {}) });
    this.#cameraSaid(participantId, voiceState.video === true);
  }

  /** A camera that is off keeps its track, silent; its owner says so. */
  #cameraSaid(participantId: string, on: boolean): void {
    this.#set({
      tracks: this.#state.tracks.map((t) =>
        t.participantId === participantId && t.source === 'camera' && t.muted === on ? { ...t, muted: !on } : t,
      ),
    });
  }

  #ensureParticipant(userId: string, participantId: string): void {
    if (this.#state.participants.some((p) => p.participantId === participantId)) return;
    const person = read(participantSchema, { userId, participantId }, 'participant');
    if (person) this.#set({ participants: unique([...this.#state.participants, person]) });
  }

  #patchParticipant(match: (p: Participant) => boolean, part: Partial<Participant>): void {
    this.#set({ participants: this.#state.participants.map((p) => (match(p) ? { ...p, ...part } : p)) });
  }

  /** Layers inside one stream are known only once they arrive. */
  #onLayers(trackId: string, active: number[], current: number | null, paused: boolean): void {
    const known = this.#state.tracks.find((t) => t.trackId === trackId)?.layers ?? 1;
    if (current !== null) this.subscriptions.arrived(trackId);
    this.#patchTrack(trackId, { current, paused, layers: Math.max(known, ...active.map((layer) => layer + 1)) });
  }

  #patchTrack(trackId: string, part: Partial<RemoteTrack>): void {
    this.#set({ tracks: this.#state.tracks.map((t) => (t.trackId === trackId ? { ...t, ...part } : t)) });
  }

  /** Of those whom I rang: whose devices say nothing has none that is on. */
  #awaitDevices(userIds: string[]): void {
    const { callId } = this.#state;
    setTimeout(() => {
      const { callId: now, invites } = this.#state;
      if (now === callId) this.#setInvites(userIds.filter((id) => invites.get(id) === 'calling'), 'notified');
    }, DEVICES_ANSWER_MS);
  }

  #setInvites(userIds: string[], state: InviteState | null): void {
    const invites = new Map(this.#state.invites);
    for (const id of userIds) {
      if (state === null) invites.delete(id);
      else invites.set(id, state);
    }
    this.#set({ invites });
  }

  #receivedChanged(): void {
    const audio = new Map<string, MediaStream>();
    for (const t of this.#state.tracks) {
      const stream = t.kind === 'audio' ? this.streamOf(t.trackId) : null;
      if (stream) audio.set(t.trackId, stream);
    }
    this.sink.sync(audio);
    this.#set({ received: this.#state.received + 1 });
  }

  async #readStats(): Promise<void> {
    const reader = this.#reader;
    if (!reader) return;
    const stats = await reader.read().catch(() => null);
    if (!stats || reader !== this.#reader) return;
    this.lastStats = stats;
    this.#noteArrival(stats.arrived);
    this.events.emit('stats', stats);
  }

  /** A path can be dead for long before the browser gives it up. */
  #noteArrival(count: number): void {
    const now = Date.now();
    if (this.#state.media !== 'connected') return;
    if (count !== this.#arrived.count) {
      this.#arrived = { count, at: now };
      if (this.#state.mediaLostAt > 0) this.#set({ mediaLostAt: 0 });
    } else if (this.#state.mediaLostAt === 0 && now - this.#arrived.at >= NOTHING_ARRIVES_MS) this.#set({ mediaLostAt: this.#arrived.at });
  }

  #finish({ reason, byMe, next = false, ...end }: { reason: string; byMe: boolean; durationMs?: number; next?: boolean }): void {
    const { callId, channelId, joinedAt } = this.#state;
    this.#attempt++;
    this.#reset(next);
    const durationMs = end.durationMs ?? (joinedAt > 0 ? Date.now() - joinedAt : 0);
    this.events.emit('ended', { callId, channelId, reason, byMe, next, durationMs });
  }

  #reset(next = false): void {
    this.#moving = false;
    this.#closeLink();
    clearTimeout(this.#updateTimer);
    this.#updateTimer = undefined;
    this.subscriptions.close();
    this.#state = IDLE;
    this.#pauseVideo();
    this.#session.urgent = false;
    this.events.emit('change', this.#state);
    if (next) void this.#local.setScreen(false);
    else this.#local.release();
    this.sink.close();
    this.sink.deafen(false);
    this.levels.close();
  }

  #closeLink(): void {
    for (const off of this.#linkOff) off();
    this.#linkOff = [];
    clearInterval(this.#statsTimer);
    this.#reader = null;
    this.lastStats = null;
    this.#link?.close();
    this.#link = null;
  }

  #phase(): CallSnapshot['phase'] {
    return this.#state.phase;
  }

  #set(part: Partial<CallSnapshot>): void {
    this.#state = { ...this.#state, ...part };
    this.#session.urgent = this.#state.phase === 'joined';
    this.events.emit('change', this.#state);
  }
}

/** One row per participant; the later one wins, the place stays. */
function unique(rows: readonly Participant[]): Participant[] {
  const byId = new Map<string, Participant>();
  for (const row of rows) {
    const id = row.participantId || row.userId;
    const known = byId.get(id);
    byId.set(id, known ? { ...known, ...row, name: row.name || known.name } : row);
  }
  return [...byId.values()];
}
