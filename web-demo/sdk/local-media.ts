/**
 * My own microphone, camera and screen: what I want, what the device gives, and why they differ.
 * The lobby and the call share it, so that joining does not open a device twice.
 */
import { Emitter } from './emitter';
import { openCamera, openMicrophone, openScreen, problemOf, type DeviceProblem } from './devices';

export interface LocalSnapshot {
  /** I want to be heard. The track stays open while muted, so that unmuting is instant. */
  micOn: boolean;
  micTrack: MediaStreamTrack | null;
  micProblem: DeviceProblem | null;
  cameraOn: boolean;
  cameraTrack: MediaStreamTrack | null;
  cameraProblem: DeviceProblem | null;
  screenTrack: MediaStreamTrack | null;
  screenAudio: MediaStreamTrack | null;
  screenProblem: DeviceProblem | null;
  opening: { mic: boolean; camera: boolean; screen: boolean };
}

export interface LocalEvents {
  change: LocalSnapshot;
  /** A device went away by itself; `now` is the label of what replaced it, if anything did. */
  lost: { kind: 'mic' | 'camera'; label: string; now: string };
}

const NOTHING: LocalSnapshot = {
  micOn: false,
  micTrack: null,
  micProblem: null,
  cameraOn: false,
  cameraTrack: null,
  cameraProblem: null,
  screenTrack: null,
  screenAudio: null,
  screenProblem: null,
  opening: { mic: false, camera: false, screen: false },
};

export class LocalMedia {
  readonly events = new Emitter<LocalEvents>();
  #state: LocalSnapshot = NOTHING;
  /** Guards against a device that opens after it is no longer wanted. */
  #ticket = { mic: 0, camera: 0 };
  micDevice = '';
  cameraDevice = '';

  get state(): LocalSnapshot {
    return this.#state;
  }

  async setMic(on: boolean): Promise<void> {
    const { micTrack } = this.#state;
    if (micTrack) {
      micTrack.enabled = on;
      this.#set({ micOn: on });
      return;
    }
    this.#set({ micOn: on });
    if (on) await this.#openMic();
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
      this.#set({ screenTrack: null, screenAudio: null });
      return;
    }
    if (this.#state.screenTrack) return;
    this.#set({ opening: { ...this.#state.opening, screen: true }, screenProblem: null });
    try {
      const { video, audio } = await openScreen();
      // "Stop sharing" in the browser's own bar.
      video.addEventListener('ended', () => void this.setScreen(false), { once: true });
      this.#set({ screenTrack: video, screenAudio: audio });
    } catch (error) {
      this.#set({ screenProblem: problemOf(error) });
    } finally {
      this.#set({ opening: { ...this.#state.opening, screen: false } });
    }
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
    this.#state = NOTHING;
    this.events.emit('change', this.#state);
  }

  async #openMic(): Promise<void> {
    const ticket = ++this.#ticket.mic;
    this.#set({ opening: { ...this.#state.opening, mic: true }, micProblem: null });
    try {
      const track = await openMicrophone(this.micDevice);
      if (ticket !== this.#ticket.mic) return track.stop();
      this.#state.micTrack?.stop();
      track.enabled = this.#state.micOn;
      track.addEventListener('ended', () => void this.#lostMic(track), { once: true });
      this.#set({ micTrack: track });
    } catch (error) {
      if (ticket === this.#ticket.mic) this.#set({ micProblem: problemOf(error), micOn: false });
    } finally {
      if (ticket === this.#ticket.mic) this.#set({ opening: { ...this.#state.opening, mic: false } });
    }
  }

  async #openCamera(): Promise<void> {
    const ticket = ++this.#ticket.camera;
    this.#set({ opening: { ...this.#state.opening, camera: true }, cameraProblem: null });
    try {
      const track = await openCamera(this.cameraDevice);
      if (ticket !== this.#ticket.camera) return track.stop();
      this.#state.cameraTrack?.stop();
      track.addEventListener('ended', () => this.#lostCamera(track), { once: true });
      this.#set({ cameraTrack: track, cameraOn: true });
    } catch (error) {
      if (ticket === this.#ticket.camera) this.#set({ cameraProblem: problemOf(error), cameraOn: false });
    } finally {
      if (ticket === this.#ticket.camera) this.#set({ opening: { ...this.#state.opening, camera: false } });
    }
  }

  async #lostMic(track: MediaStreamTrack): Promise<void> {
    if (this.#state.micTrack !== track) return;
    this.#set({ micTrack: null });
    this.micDevice = '';
    await this.#openMic();
    this.events.emit('lost', { kind: 'mic', label: track.label, now: this.#state.micTrack?.label ?? '' });
  }

  #lostCamera(track: MediaStreamTrack): void {
    if (this.#state.cameraTrack !== track) return;
    this.#set({ cameraTrack: null, cameraOn: false });
    this.cameraDevice = '';
    this.events.emit('lost', { kind: 'camera', label: track.label, now: '' });
  }

  #set(part: Partial<LocalSnapshot>): void {
    this.#state = { ...this.#state, ...part };
    this.events.emit('change', this.#state);
  }
}
