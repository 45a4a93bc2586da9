/** Microphone, camera and screen as the browser gives them, and plain names for why it does not. */
export type DeviceProblem = 'denied' | 'dismissed' | 'system' | 'missing' | 'busy' | 'unsupported' | 'unknown';

export class DeviceError extends Error {
  readonly problem: DeviceProblem;
  constructor(problem: DeviceProblem, message = '') {
    super(message || problem);
    this.name = 'DeviceError';
    this.problem = problem;
  }
}

export function problemOf(error: unknown): DeviceProblem {
  if (error instanceof DeviceError) return error.problem;
  const { name = '', message = '' } = (error ?? {}) as { name?: string; message?: string };
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      if (/dismissed/i.test(message)) return 'dismissed';
      return /system/i.test(message) ? 'system' : 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return 'unknown';
  }
}

async function userMedia(make: (id: string) => MediaStreamConstraints, deviceId: string): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) throw new DeviceError('unsupported');
  try {
    return await navigator.mediaDevices.getUserMedia(make(deviceId));
  } catch (error) {
    const { name } = error as { name?: string };
    // The remembered device is gone: the default one will do.
    if (deviceId && (name === 'OverconstrainedError' || name === 'NotFoundError')) {
      return navigator.mediaDevices.getUserMedia(make(''));
    }
    throw error;
  }
}

const pick = (deviceId: string) => (deviceId ? { deviceId: { exact: deviceId } } : {});

export async function openMicrophone(deviceId: string): Promise<MediaStreamTrack> {
  const stream = await userMedia(
    (id) => ({ audio: { ...pick(id), echoCancellation: true, noiseSuppression: true, autoGainControl: true } }),
    deviceId,
  );
  return onlyTrack(stream.getAudioTracks());
}

export async function openCamera(deviceId: string): Promise<MediaStreamTrack> {
  const stream = await userMedia(
    (id) => ({ video: { ...pick(id), width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } }),
    deviceId,
  );
  const track = onlyTrack(stream.getVideoTracks());
  track.contentHint = 'motion';
  return track;
}

export const canShareScreen = (): boolean => typeof navigator.mediaDevices?.getDisplayMedia === 'function';

export async function openScreen(): Promise<{ video: MediaStreamTrack; audio: MediaStreamTrack | null }> {
  if (!canShareScreen()) throw new DeviceError('unsupported');
  const options = {
    video: { frameRate: { ideal: 15, max: 30 } },
    audio: { restrictOwnAudio: true, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    selfBrowserSurface: 'exclude',
    surfaceSwitching: 'include',
    systemAudio: 'include',
  };
  const stream = await navigator.mediaDevices.getDisplayMedia(options as DisplayMediaStreamOptions);
  const video = onlyTrack(stream.getVideoTracks());
  video.contentHint = 'detail';
  return { video, audio: stream.getAudioTracks()[0] ?? null };
}

export interface DeviceList {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

export async function listDevices(): Promise<DeviceList> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind: MediaDeviceKind) => all.filter((d) => d.kind === kind && d.deviceId !== '');
  return { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
}

export const canChooseSpeaker = (): boolean =>
  typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;

function onlyTrack(tracks: MediaStreamTrack[]): MediaStreamTrack {
  const track = tracks[0];
  if (!track) throw new DeviceError('missing');
  return track;
}
