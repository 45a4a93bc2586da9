/**
 * My own microphone, camera and screen: what I want, what the device gives, and why they differ.
 * The lobby and the call share it, so that joining does not open a device twice.
 */
import { verdictOf } from './device-changes';
import {
  browserOf, listDevices, NO_DEVICES, openCamera, openMicrophone, permissionOf, problemBefore, problemOf, watchPermission,
  type DeviceList, type DeviceProblem,
} from './devices';
import { Emitter } from './emitter';
import { after, isOn, isSending, SILENT, type MicAct, type MicFacts } from './mic-facts';
import { MicMonitor } from './mic-monitor';
import { SilenceWatch, TalkWatch, type MicSample } from './mic-watch';
import { openScreen, setScreenMode, type ScreenMode, type ScreenSurface } from './screen';

export interface LocalSnapshot {
  /** I want to be heard and no host muted me. The track stays open while muted, so that unmuting is instant. */
  micOn: boolean;
  /** A host muted me, and I have not switched the microphone on since. */
  micModerated: boolean;
  /** The microphone is on and gives nothing, not even noise. */
  micSilent: boolean;
  micTrack: MediaStreamTrack | null;
  micProblem: DeviceProblem | null;
  cameraOn: boolean;
  cameraTrack: MediaStreamTrack | null;
  cameraProblem: DeviceProblem | null;
  screenTrack: MediaStreamTrack | null;
  screenAudio: MediaStreamTrack | null;
  screenProblem: DeviceProblem | null;
  screenSurface: ScreenSurface;
  screenMode: ScreenMode;
  /** Shared, but the others keep the last picture for now. */
  screenPaused: boolean;
  /** Nothing of mine is sent, because nothing arrives either. */
  paused: boolean;
  opening: { mic: boolean; camera: boolean; screen: boolean };
}

export type DeviceKind = 'mic' | 'camera' | 'speaker';

export interface LocalEvents {
  change: LocalSnapshot;
  /** A device went away by itself; `now` is the label of what replaced it, if anything did. */
  lost: { kind: DeviceKind; label: string; now: string };
  /** The one that was picked is in use again. */
  returned: { kind: DeviceKind; label: string };
  /** The one that was picked earlier is not connected; another one is used. */
  substituted: { kind: DeviceKind; now: string };
  /** Somebody plugged these in. */
  offered: { kind: DeviceKind; device: MediaDeviceInfo }[];
  devices: DeviceList;
  /** I speak, and nobody hears it. */
  talkingMuted: void;
  /** The sound of a shared screen was left out. */
  screenEchoed: void;
}

const NOTHING: LocalSnapshot = {
  micOn: false,
  micModerated: false,
  micSilent: false,
  micTrack: null,
  micProblem: null,
  cameraOn: false,
  cameraTrack: null,
  cameraProblem: null,
  screenTrack: null,
  screenAudio: null,
  screenProblem: null,
  screenSurface: 'screen',
  screenMode: 'text',
  screenPaused: false,
  paused: false,
  opening: { mic: false, camera: false, screen: false },
};

export class LocalMedia {
  readonly events = new Emitter<LocalEvents>();
  #state: LocalSnapshot = NOTHING;
  #facts: MicFacts = SILENT;
  /** Guards against a device that opens after it is no longer wanted. */
  #ticket = { mic: 0, camera: 0 };
  #dismissals = { mic: 0, camera: 0 };
  #known: DeviceList | null = null;
  #watching = false;
  readonly #silence = new SilenceWatch();
  readonly #talk = new TalkWatch();
  readonly #monitor = new MicMonitor((sample) => this.#heard(sample));
  /** What was picked by hand; it is returned to whenever it is there. */
  micDevice = '';
  cameraDevice = '';
  speakerDevice = '';
  /** Muting closes the microphone, so that the system's light goes out; unmuting takes longer. */
  releaseWhenMuted = false;
  /** The microphone is only heard while a key is held. */
  holdToTalk = false;
  /** In a call, where talking into a muted microphone matters. */
  noticeTalking = false;

  get state(): LocalSnapshot {
    return this.#state;
  }
  get devices(): DeviceList {
    return this.#known ?? NO_DEVICES;
  }

  /** Opens what the browser gives without a question; for the rest there is a button. */
  async openIfAllowed(kind: 'mic' | 'camera'): Promise<void> {
    this.#watch();
    const problem = problemBefore(await permissionOf(kind));
    if (problem) this.#set(kind === 'mic' ? { micProblem: problem } : { cameraProblem: problem });
    else await this.open(kind);
  }

  /** As it is wanted in this call: a microphone that waits for a key opens muted. */
  async open(kind: 'mic' | 'camera'): Promise<void> {
    if (kind === 'camera') return this.setCamera(true);
    if (!this.holdToTalk) return this.setMic(true);
    this.#act({ kind: 'want', on: false });
    if (!this.#state.micTrack) await this.#openMic();
  }

  async setMic(on: boolean): Promise<void> {
    this.#act({ kind: 'want', on });
    if (on && !this.#state.micTrack) await this.#openMic();
    if (!on && this.releaseWhenMuted && !this.holdToTalk) this.#closeMic();
  }

  /** A host muted me, or has taken that back: then I am heard again if I still want to be. */
  moderate(on = true): void {
    this.#act({ kind: 'moderate', on });
  }

  /** Everything is silenced, my own voice included; undone, it is as it was. */
  async deafen(on: boolean): Promise<void> {
    this.#act({ kind: 'deafen', on });
    if (this.#state.micOn && !this.#state.micTrack) await this.#openMic();
  }

  /** Nothing arrives: what I cannot know that others hear is not sent. What I want stays as it is. */
  pauseSending(paused: boolean): void {
    if (paused === this.#state.paused) return;
    this.#set({ paused });
    this.#act({ kind: 'pause', on: paused });
  }

  async setCamera(on: boolean): Promise<void> {
    if (!on) {
      this.#ticket.camera++;
      this.#state.cameraTrack?.stop();
      this.#set({ cameraOn: false, cameraTrack: null, cameraProblem: null, opening: { ...this.#state.opening, camera: false } });
      return;
    }
    if (this.#state.cameraTrack) return;
    this.#set({ cameraOn: true });
    await this.#openCamera();
  }

  async setScreen(on: boolean): Promise<void> {
    if (!on) {
      this.#state.screenTrack?.stop();
      this.#state.screenAudio?.stop();
      this.#set({ screenTrack: null, screenAudio: null, screenPaused: false });
      return;
    }
    if (!this.#state.screenTrack) await this.switchScreen();
  }

  /** Asks what to share, also instead of what is shared; the old one goes on if nothing is picked. */
  async switchScreen(): Promise<void> {
    this.#set({ opening: { ...this.#state.opening, screen: true }, screenProblem: null });
    try {
      const { video, audio, surface, echoed } = await openScreen(this.#state.screenMode);
      const { screenTrack, screenAudio } = this.#state;
      // "Stop sharing" in the browser's own bar.
      video.addEventListener('ended', () => video === this.#state.screenTrack && void this.setScreen(false), { once: true });
      this.#set({ screenTrack: video, screenAudio: audio, screenSurface: surface, screenPaused: false });
      screenTrack?.stop();
      screenAudio?.stop();
      if (echoed) this.events.emit('screenEchoed', undefined);
    } catch (error) {
      this.#set({ screenProblem: problemOf(error) });
    } finally {
      this.#set({ opening: { ...this.#state.opening, screen: false } });
    }
  }

  pauseScreen(screenPaused: boolean): void {
    if (this.#state.screenTrack) this.#set({ screenPaused });
  }

  async setScreenMode(screenMode: ScreenMode): Promise<void> {
    this.#set({ screenMode });
    const { screenTrack } = this.#state;
    if (screenTrack) await setScreenMode(screenTrack, screenMode).catch(() => {});
  }

  async useMicrophone(deviceId: string): Promise<void> {
    this.micDevice = deviceId;
    if (this.#state.micTrack) await this.#openMic();
  }

  async useCamera(deviceId: string): Promise<void> {
    this.cameraDevice = deviceId;
    if (this.#state.cameraTrack) await this.#openCamera();
  }

  release(): void {
    this.#ticket.mic++;
    this.#ticket.camera++;
    for (const t of [this.#state.micTrack, this.#state.cameraTrack, this.#state.screenTrack, this.#state.screenAudio]) t?.stop();
    this.#monitor.watch(null);
    this.#facts = SILENT;
    this.#state = { ...NOTHING, screenMode: this.#state.screenMode };
    this.events.emit('change', this.#state);
  }

  async #openMic(device = this.micDevice): Promise<void> {
    const ticket = ++this.#ticket.mic;
    this.#watch();
    this.#set({ opening: { ...this.#state.opening, mic: true }, micProblem: null });
    try {
      const { track, substituted } = await openMicrophone(device);
      if (ticket !== this.#ticket.mic) return track.stop();
      this.#state.micTrack?.stop();
      track.addEventListener('ended', () => void this.#lostMic(track), { once: true });
      this.#facts = after(this.#facts, { kind: 'device', ok: true });
      track.enabled = isSending(this.#facts);
      this.#silence.reset();
      this.#monitor.watch(track);
      this.#set({ micTrack: track, micSilent: false });
      if (substituted) this.events.emit('substituted', { kind: 'mic', now: track.label });
      void this.#look();
    } catch (error) {
      const micProblem = await this.#explain('mic', error);
      if (ticket !== this.#ticket.mic) return;
      // A device that was only to be replaced goes on.
      if (!this.#state.micTrack) this.#facts = after(after(this.#facts, { kind: 'device', ok: false }), { kind: 'want', on: false });
      this.#set({ micProblem, micOn: isOn(this.#facts) });
    } finally {
      if (ticket === this.#ticket.mic) this.#set({ opening: { ...this.#state.opening, mic: false } });
    }
  }

  #closeMic(): void {
    this.#ticket.mic++;
    this.#state.micTrack?.stop();
    this.#monitor.watch(null);
    this.#facts = after(this.#facts, { kind: 'device', ok: false });
    this.#set({ micTrack: null, micSilent: false, opening: { ...this.#state.opening, mic: false } });
  }

  async #openCamera(device = this.cameraDevice): Promise<void> {
    const ticket = ++this.#ticket.camera;
    this.#watch();
    this.#set({ opening: { ...this.#state.opening, camera: true }, cameraProblem: null });
    try {
      const { track, substituted } = await openCamera(device);
      if (ticket !== this.#ticket.camera) return track.stop();
      this.#state.cameraTrack?.stop();
      track.addEventListener('ended', () => void this.#lostCamera(track), { once: true });
      this.#set({ cameraTrack: track, cameraOn: true });
      if (substituted) this.events.emit('substituted', { kind: 'camera', now: track.label });
      void this.#look();
    } catch (error) {
      const cameraProblem = await this.#explain('camera', error);
      if (ticket === this.#ticket.camera) this.#set({ cameraProblem, cameraOn: this.#state.cameraTrack !== null });
    } finally {
      if (ticket === this.#ticket.camera) this.#set({ opening: { ...this.#state.opening, camera: false } });
    }
  }

  async #explain(kind: 'mic' | 'camera', error: unknown): Promise<DeviceProblem> {
    const { message = '' } = (error ?? {}) as { message?: string };
    if (/dismissed/i.test(message)) this.#dismissals[kind]++;
    const permission = await permissionOf(kind);
    return problemOf(error, { browser: browserOf(navigator.userAgent), permission, dismissals: this.#dismissals[kind] });
  }

  async #lostMic(track: MediaStreamTrack): Promise<void> {
    if (this.#state.micTrack !== track) return;
    this.#facts = after(this.#facts, { kind: 'device', ok: false });
    this.#set({ micTrack: null });
    // Whatever the system offers: the one that was picked has just gone, and is returned to when it is back.
    const wanted = isOn(this.#facts);
    await this.#openMic('');
    const { micTrack } = this.#state;
    if (!micTrack && wanted) this.#set({ micOn: false });
    this.events.emit('lost', { kind: 'mic', label: track.label, now: micTrack?.label ?? '' });
  }

  async #lostCamera(track: MediaStreamTrack): Promise<void> {
    if (this.#state.cameraTrack !== track) return;
    this.#set({ cameraTrack: null });
    await this.#openCamera('');
    this.events.emit('lost', { kind: 'camera', label: track.label, now: this.#state.cameraTrack?.label ?? '' });
  }

  /** From the first use on: what is connected, and what this page may use. */
  #watch(): void {
    if (this.#watching || !navigator.mediaDevices) return;
    this.#watching = true;
    navigator.mediaDevices.addEventListener('devicechange', () => void this.#look());
    void this.#look();
    for (const kind of ['mic', 'camera'] as const) {
      void watchPermission(kind, (now) => {
        const problem = kind === 'mic' ? this.#state.micProblem : this.#state.cameraProblem;
        if (now === 'granted') {
          this.#dismissals[kind] = 0;
          // Allowed in the address bar: it goes on without loading the page again.
          if (problem) void this.open(kind);
        } else if (problem) this.#set(kind === 'mic' ? { micProblem: problemBefore(now) } : { cameraProblem: problemBefore(now) });
      });
    }
  }

  async #look(): Promise<void> {
    const list = await listDevices().catch(() => NO_DEVICES);
    const before = this.#known;
    this.#known = list;
    this.events.emit('devices', list);
    const { micTrack, cameraTrack } = this.#state;
    const offered: LocalEvents['offered'] = [];
    const decide = (kind: DeviceKind, all: readonly MediaDeviceInfo[], had: readonly MediaDeviceInfo[] | null, chosen: string, current: string) => {
      const verdict = verdictOf({ list: all, before: had, chosen, current });
      if (verdict?.kind === 'new') offered.push({ kind, device: verdict.device });
      return verdict;
    };
    const mic = decide('mic', list.microphones, before?.microphones ?? null, this.micDevice, micTrack?.getSettings().deviceId ?? '');
    if (mic?.kind === 'lost' && micTrack) void this.#lostMic(micTrack);
    if (mic?.kind === 'back') void this.#openMic().then(() => this.events.emit('returned', { kind: 'mic', label: mic.device.label }));
    const camera = decide('camera', list.cameras, before?.cameras ?? null, this.cameraDevice, cameraTrack?.getSettings().deviceId ?? '');
    if (camera?.kind === 'lost' && cameraTrack) void this.#lostCamera(cameraTrack);
    if (camera?.kind === 'back') void this.#openCamera().then(() => this.events.emit('returned', { kind: 'camera', label: camera.device.label }));
    // Without a microphone in use there is no call, and nobody minds which speaker it would be.
    const sink = micTrack ? this.speakerDevice || 'default' : '';
    const speaker = decide('speaker', list.speakers, before?.speakers ?? null, this.speakerDevice, sink);
    if (speaker?.kind === 'lost') this.events.emit('lost', { kind: 'speaker', label: speaker.label, now: '' });
    if (offered.length > 0) this.events.emit('offered', offered);
  }

  #heard(sample: MicSample): void {
    const { micOn, micTrack, micSilent } = this.#state;
    const silent = this.#silence.feed(sample) && micOn && micTrack !== null;
    if (silent !== micSilent) this.#set({ micSilent: silent });
    if (this.#talk.feed(sample, !micOn) && this.noticeTalking) this.events.emit('talkingMuted', undefined);
  }

  #act(act: MicAct): void {
    this.#facts = after(this.#facts, act);
    const { micTrack } = this.#state;
    if (micTrack) micTrack.enabled = isSending(this.#facts);
    this.#set({ micOn: isOn(this.#facts), micModerated: this.#facts.moderated });
  }

  #set(part: Partial<LocalSnapshot>): void {
    this.#state = { ...this.#state, ...part };
    this.events.emit('change', this.#state);
  }
}
