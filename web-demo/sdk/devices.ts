/** Microphone and camera as the browser gives them. */
import { DeviceError } from './permissions';

export * from './permissions';

export interface Opened {
  track: MediaStreamTrack;
  /** The device that was asked for is not there; this is another one. */
  substituted: boolean;
}

async function userMedia(make: (id: string) => MediaStreamConstraints, deviceId: string): Promise<{ stream: MediaStream; substituted: boolean }> {
  if (!navigator.mediaDevices?.getUserMedia) throw new DeviceError('unsupported');
  try {
    return { stream: await navigator.mediaDevices.getUserMedia(make(deviceId)), substituted: false };
  } catch (error) {
    const { name } = error as { name?: string };
    // The remembered device is gone: the default one will do.
    if (deviceId && (name === 'OverconstrainedError' || name === 'NotFoundError')) {
      return { stream: await navigator.mediaDevices.getUserMedia(make('')), substituted: true };
    }
    throw error;
  }
}

const pick = (deviceId: string) => (deviceId ? { deviceId: { exact: deviceId } } : {});

export async function openMicrophone(deviceId: string): Promise<Opened> {
  const { stream, substituted } = await userMedia(
    (id) => ({ audio: { ...pick(id), echoCancellation: true, noiseSuppression: true, autoGainControl: true } }),
    deviceId,
  );
  return { track: onlyTrack(stream.getAudioTracks()), substituted };
}

export async function openCamera(deviceId: string): Promise<Opened> {
  const { stream, substituted } = await userMedia(
    (id) => ({ video: { ...pick(id), width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } }),
    deviceId,
  );
  const track = onlyTrack(stream.getVideoTracks());
  track.contentHint = 'motion';
  return { track, substituted };
}

export interface DeviceList {
  microphones: readonly MediaDeviceInfo[];
  cameras: readonly MediaDeviceInfo[];
  speakers: readonly MediaDeviceInfo[];
}

export const NO_DEVICES: DeviceList = { microphones: [], cameras: [], speakers: [] };

export async function listDevices(): Promise<DeviceList> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind: MediaDeviceKind) => all.filter((d) => d.kind === kind && d.deviceId !== '');
  return { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
}

const isAppleTouch = (): boolean => /iPhone|iPad|iPod/.test(navigator.userAgent) || (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);

/** On an iPhone the phone chooses the speaker, whatever its browser claims. */
export const canChooseSpeaker = (): boolean =>
  typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype && !isAppleTouch();

/** The ring is made of tones, not of an element. */
export const canChooseRingOutput = (): boolean => canChooseSpeaker() && typeof AudioContext !== 'undefined' && 'setSinkId' in AudioContext.prototype;

export function onlyTrack(tracks: MediaStreamTrack[]): MediaStreamTrack {
  const track = tracks[0];
  if (!track) throw new DeviceError('missing');
  return track;
}
