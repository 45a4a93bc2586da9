/**
 * One RTCPeerConnection to the SFU, both directions. The client always offers; negotiations run one
 * after the other; each has a generation so that an answer is known to belong to its offer.
 */
import { atMost, encodingsFor, negotiateLayers, preferCodecs, withLayers, type PublishOptions } from './codecs';
import { Emitter } from './emitter';
import { codeOf, ConveneError } from './errors';
import type { Source } from './wire';

export type LinkState = 'connecting' | 'connected' | 'interrupted' | 'failed' | 'closed';

export interface OfferTrack {
  mid: string;
  source: Source;
  muted: boolean;
}

export interface LinkEvents {
  state: LinkState;
  /** The set of received tracks changed. */
  received: void;
}

export interface LinkOptions {
  iceServers: RTCIceServer[];
  /** Sends `rtc:offer`; rejects when the server refuses it or the socket is down. */
  offer: (payload: { sdp: string; gen: number; tracks: OfferTrack[] }) => Promise<unknown>;
  muted: (source: Source) => boolean;
  publish: PublishOptions;
}

/** What the browser has set as its own, and waits to have answered. */
interface Offered {
  sdp: string;
  iceRestart: boolean;
  /** It is sent again while nobody answers: any of the answers will do. */
  gens: Set<number>;
}

interface Answer {
  sdp: string;
  gen: number;
  midToTrack: Record<string, string>;
}

/** What is sent until somebody says otherwise. */
const ALL_LAYERS = [0, 1, 2];
const ANSWER_TIMEOUT_MS = 8_000;
/** A changed network interface often heals by itself within this time. */
const RESTART_AFTER_MS = 3_000;
/** Restarts without success before the whole connection is replaced. */
const MAX_RESTARTS = 4;
const MAX_FAILURES = 5;

export class MediaLink {
  readonly events = new Emitter<LinkEvents>();
  readonly pc: RTCPeerConnection;
  readonly #options: LinkOptions;
  #senders = new Map<Source, RTCRtpTransceiver>();
  #wantedLayers = new Map<Source, number[]>();
  #mostLayer = new Map<Source, number>();
  #midToTrack = new Map<string, string>();
  #streams = new Map<string, MediaStream>();
  #state: LinkState = 'connecting';
  #gen = 0;
  #needed = false;
  #running = false;
  #restart = false;
  #restarts = 0;
  #failures = 0;
  #offered: Offered | null = null;
  #awaiting: { resolve: (a: Answer) => void; reject: (e: Error) => void } | null = null;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #chain: Promise<void> = Promise.resolve();
  /** Sources whose newest offer said that nothing comes for now. */
  #offeredMuted = new Set<Source>();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.pc = new RTCPeerConnection({ iceServers: options.iceServers, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    this.pc.addEventListener('iceconnectionstatechange', () => this.#iceChanged());
    this.pc.addEventListener('connectionstatechange', () => this.#connectionChanged());
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Publishes the track, replaces the published one, or with `null` ends the publication. */
  publish(source: Source, track: MediaStreamTrack | null): Promise<void> {
    this.#chain = this.#chain.then(() => this.#publish(source, track)).catch((error: unknown) => {
      console.warn('convene: could not publish', source, error);
    });
    return this.#chain;
  }

  /** `null` sends nothing for now: the publication stays, and viewers keep the last picture. */
  hold(source: Source, track: MediaStreamTrack | null): Promise<void> {
    this.#chain = this.#chain
      .then(() => (this.#isClosed() ? undefined : this.#senders.get(source)?.sender.replaceTrack(track)))
      .catch((error: unknown) => console.warn('convene: could not hold', source, error));
    return this.#chain;
  }

  /** The received media of a track; stable while the track lives. */
  streamOf(trackId: string): MediaStream | null {
    const track = this.#receivedTrack(trackId);
    if (!track) return null;
    let stream = this.#streams.get(trackId);
    if (!stream || stream.getTracks()[0] !== track) {
      stream = new MediaStream([track]);
      this.#streams.set(trackId, stream);
    }
    return stream;
  }

  midOf(trackId: string): string | undefined {
    for (const [mid, id] of this.#midToTrack) if (id === trackId) return mid;
    return undefined;
  }
  trackOfMid(mid: string): string | undefined {
    return this.#midToTrack.get(mid);
  }
  /** By the id of the received track, for browsers whose statistics lack the mid. */
  trackOfReceiver(trackIdentifier: string): string | undefined {
    const mid = this.pc.getTransceivers().find((t) => t.receiver.track.id === trackIdentifier)?.mid;
    return mid == null ? undefined : this.#midToTrack.get(mid);
  }
  sourceOfMid(mid: string): Source | undefined {
    for (const [source, t] of this.#senders) if (t.mid === mid) return source;
    return undefined;
  }

  onAnswer(answer: Answer): void {
    if (this.#offered?.gens.has(answer.gen)) this.#awaiting?.resolve(answer);
  }

  /** The server does not take an offer as it is. */
  onRefused(gen: number, error: ConveneError): void {
    if (this.#offered?.gens.has(gen)) this.#awaiting?.reject(error);
  }

  onSections(audio: number, video: number): void {
    this.receive(audio, video);
    this.negotiate();
  }

  /** Places for tracks of others, in the next offer. */
  receive(audio: number, video: number): void {
    const bound = (n: number) => Math.max(0, Math.min(n, 128));
    for (let i = 0; i < bound(audio); i++) this.pc.addTransceiver('audio', { direction: 'recvonly' });
    for (let i = 0; i < bound(video); i++) {
      negotiateLayers(this.pc.addTransceiver('video', { direction: 'recvonly' }));
    }
  }

  /** Fresh relay credentials; used from the next gathering on. */
  setIceServers(iceServers: RTCIceServer[]): void {
    if (!this.#isClosed()) this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
  }

  restartIce(): void {
    this.#restart = true;
    this.negotiate();
  }

  negotiate(): void {
    if (this.#state === 'closed') return;
    this.#needed = true;
    if (!this.#running) void this.#run();
  }

  close(): void {
    if (this.#state === 'closed') return;
    clearTimeout(this.#restartTimer);
    this.#setState('closed');
    this.pc.close();
    this.#streams.clear();
  }

  /** Encodes only the layers that somebody watches: the others cost processor and uplink for nobody. */
  async sendLayers(source: Source, layers: number[]): Promise<void> {
    this.#wantedLayers.set(source, layers);
    await this.#applyLayers(source);
  }

  /** Nothing above this layer, whoever watches; `null` = all. */
  async limitLayers(source: Source, most: number | null): Promise<void> {
    if (most === null) this.#mostLayer.delete(source);
    else this.#mostLayer.set(source, most);
    await this.#applyLayers(source);
  }

  #layersOf(source: Source): number[] {
    return atMost(this.#wantedLayers.get(source) ?? ALL_LAYERS, this.#mostLayer.get(source));
  }

  async #applyLayers(source: Source): Promise<void> {
    const layers = this.#layersOf(source);
    const sender = this.#senders.get(source)?.sender;
    if (!sender || this.#isClosed()) return;
    const parameters = sender.getParameters();
    if (!withLayers(parameters.encodings, layers, this.#options.publish)) return;
    try {
      await sender.setParameters(parameters);
    } catch (error) {
      // Another change overtook this one; the latest list is applied by its own call.
      if (this.#layersOf(source).join() === layers.join() && !this.#isClosed()) {
        console.warn('convene: layers could not be changed', error instanceof Error ? error.message : error);
      }
    }
  }

  /** Somebody cannot decode what we send: offers one of these codecs instead, unless it is one of them already. */
  useCodecs(source: Source, codecs: string[]): void {
    const transceiver = this.#senders.get(source);
    if (!transceiver || codecs.length === 0 || !preferCodecs(transceiver, codecs)) return;
    // It is another track for everybody: what was wanted of the one before says nothing of it.
    this.#wantedLayers.set(source, ALL_LAYERS);
    this.negotiate();
  }

  async #publish(source: Source, track: MediaStreamTrack | null): Promise<void> {
    if (this.#state === 'closed') return;
    let transceiver = this.#senders.get(source);
    if (transceiver?.currentDirection === 'stopped') {
      this.#senders.delete(source);
      transceiver = undefined;
    }
    if (!track) {
      if (!transceiver) return;
      await transceiver.sender.replaceTrack(null);
      // The camera keeps its place, so that it is back at once: a section that was inactive loses its
      // layers, and browsers cannot offer simulcast in it again. `voice:update` says that it is off.
      if (source === 'camera' || transceiver.direction === 'inactive') return;
      transceiver.direction = 'inactive';
      this.negotiate();
      return;
    }
    if (!transceiver) {
      const { publish } = this.#options;
      const sendEncodings = encodingsFor(source, publish);
      transceiver = this.pc.addTransceiver(track, { direction: 'sendonly', sendEncodings });
      this.#senders.set(source, transceiver);
      if (source === 'camera') {
        preferCodecs(transceiver, [publish.codec ?? 'vp8']);
        negotiateLayers(transceiver);
      }
      this.negotiate();
      return;
    }
    await transceiver.sender.replaceTrack(track);
    if (transceiver.direction !== 'sendonly') {
      transceiver.direction = 'sendonly';
      this.negotiate();
    } else if (this.#offeredMuted.has(source) && !this.#options.muted(source)) this.negotiate();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#needed && !this.#isClosed()) {
        this.#needed = false;
        try {
          await this.#once();
          this.#failures = 0;
        } catch (error) {
          if (this.#isClosed()) return;
          this.#needed = true;
          if (codeOf(error) === 'rtc.negotiation') await this.#takeBack();
          // Without a socket there is nobody to answer; the call starts this again when it is back.
          if (codeOf(error) === 'client.offline') return;
          console.warn('convene: negotiation failed', error instanceof Error ? error.message : error);
          this.#failures++;
          if (this.#failures >= MAX_FAILURES) {
            this.#setState('failed');
            return;
          }
          await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** this.#failures));
        }
      }
    } finally {
      this.#running = false;
    }
  }

  /**
   * One offer and its answer. An offer without an answer is not taken back but sent again as it was: the server may have
   * taken it long ago, and only the answer is late or went down with a socket. Another one in its place would contradict
   * it, since browsers number its sections anew.
   */
  async #once(): Promise<void> {
    const again = this.#offered !== null;
    const offered = (this.#offered ??= await this.#makeOffer());
    const gen = ++this.#gen;
    offered.gens.add(gen);
    const answered = this.#nextAnswer();
    try {
      await this.#options.offer({ sdp: offered.sdp, gen, tracks: this.#lines() });
      const answer = await answered.promise;
      await this.pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
      this.#offered = null;
      // Chromium switches all layers on that an answer names.
      for (const source of new Set([...this.#wantedLayers.keys(), ...this.#mostLayer.keys()])) void this.#applyLayers(source);
      if (offered.iceRestart) this.#restart = false;
      this.#midToTrack = new Map(Object.entries(answer.midToTrack));
    } finally {
      answered.cancel();
    }
    // What has changed since then is in no offer yet.
    if (again) this.#needed = true;
    this.#forgetStreams();
    this.events.emit('received', undefined);
  }

  async #makeOffer(): Promise<Offered> {
    const iceRestart = this.#restart;
    const offer = await this.pc.createOffer({ iceRestart });
    await this.pc.setLocalDescription(offer);
    return { sdp: this.pc.localDescription?.sdp ?? offer.sdp ?? '', iceRestart, gens: new Set() };
  }

  async #takeBack(): Promise<void> {
    this.#offered = null;
    if (this.pc.signalingState === 'have-local-offer') await this.pc.setLocalDescription({ type: 'rollback' });
  }

  #nextAnswer(): { promise: Promise<Answer>; cancel: () => void } {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const promise = new Promise<Answer>((resolve, reject) => {
      this.#awaiting = { resolve, reject };
      timer = setTimeout(() => reject(new Error('no answer')), ANSWER_TIMEOUT_MS);
    });
    // The offer itself may fail first; nobody waits for the answer then.
    promise.catch(() => {});
    return {
      promise,
      cancel: () => {
        clearTimeout(timer);
        this.#awaiting = null;
      },
    };
  }

  #lines(): OfferTrack[] {
    const lines: OfferTrack[] = [];
    this.#offeredMuted.clear();
    for (const [source, t] of this.#senders) {
      if (t.mid === null || t.direction !== 'sendonly') continue;
      // A camera that went off before its first offer is published all the same, only silent: `voice:update`
      // says so, and bringing it back needs no negotiation.
      const muted = this.#options.muted(source) && (source === 'mic' || t.currentDirection === 'sendonly');
      if (muted) this.#offeredMuted.add(source);
      lines.push({ mid: t.mid, source, muted });
    }
    return lines;
  }

  #receivedTrack(trackId: string): MediaStreamTrack | null {
    const mid = this.midOf(trackId);
    if (mid === undefined) return null;
    return this.pc.getTransceivers().find((t) => t.mid === mid)?.receiver.track ?? null;
  }

  #forgetStreams(): void {
    const live = new Set(this.#midToTrack.values());
    for (const id of this.#streams.keys()) if (!live.has(id)) this.#streams.delete(id);
  }

  #iceChanged(): void {
    clearTimeout(this.#restartTimer);
    const state = this.pc.iceConnectionState;
    if (state === 'failed') this.#heal();
    else if (state === 'disconnected') this.#restartTimer = setTimeout(() => this.#heal(), RESTART_AFTER_MS);
  }

  #heal(): void {
    if (this.#isClosed() || this.pc.iceConnectionState === 'connected') return;
    if (this.#restarts++ >= MAX_RESTARTS) {
      this.#setState('failed');
      return;
    }
    this.restartIce();
    this.#restartTimer = setTimeout(() => this.#heal(), RESTART_AFTER_MS * 2);
  }

  #connectionChanged(): void {
    switch (this.pc.connectionState) {
      case 'connected':
        this.#restarts = 0;
        clearTimeout(this.#restartTimer);
        this.#setState('connected');
        return;
      case 'disconnected':
      case 'failed':
        if (this.#state !== 'failed') this.#setState('interrupted');
        return;
    }
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #setState(state: LinkState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.events.emit('state', state);
  }
}
