/** A shared screen as the browser gives it: what may be picked, how it is sent, and whose sound goes with it. */
import { onlyTrack } from './devices';
import { DeviceError } from './permissions';

/** `text` keeps every pixel and gives up pictures; `motion` keeps the pictures coming. */
export type ScreenMode = 'text' | 'motion';
export type ScreenSurface = 'tab' | 'window' | 'screen';

export interface Screen {
  video: MediaStreamTrack;
  audio: MediaStreamTrack | null;
  surface: ScreenSurface;
  /** Its sound was left out: the call itself would have been in it. */
  echoed: boolean;
}

const FPS: Record<ScreenMode, number> = { text: 15, motion: 30 };
const HINT: Record<ScreenMode, string> = { text: 'detail', motion: 'motion' };

export const canShareScreen = (): boolean => typeof navigator.mediaDevices?.getDisplayMedia === 'function';

const surfaceOf = (track: MediaStreamTrack): ScreenSurface => {
  const { displaySurface } = track.getSettings();
  return displaySurface === 'browser' ? 'tab' : displaySurface === 'window' ? 'window' : 'screen';
};

/**
 * The sound of a whole screen has the voices of the call in it, unless the browser says that it took them out.
 * Without its word they would hear themselves.
 */
export function echoes(surface: ScreenSurface, settings: { restrictOwnAudio?: boolean }): boolean {
  return surface === 'screen' && settings.restrictOwnAudio !== true;
}

interface FocusController {
  setFocusBehavior(behaviour: 'focus-captured-surface' | 'no-focus-change'): void;
}

export async function openScreen(mode: ScreenMode): Promise<Screen> {
  if (!canShareScreen()) throw new DeviceError('unsupported');
  const { CaptureController: Controller } = globalThis as { CaptureController?: new () => FocusController };
  const controller = Controller ? new Controller() : null;
  const options = {
    video: { frameRate: { ideal: FPS[mode], max: FPS[mode] } },
    audio: { restrictOwnAudio: true, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    selfBrowserSurface: 'exclude',
    surfaceSwitching: 'include',
    systemAudio: 'include',
    windowAudio: 'window',
    ...(controller ? { controller } : {}),
  };
  const stream = await navigator.mediaDevices.getDisplayMedia(options as DisplayMediaStreamOptions);
  const video = onlyTrack(stream.getVideoTracks());
  const surface = surfaceOf(video);
  focus(controller, surface);
  video.contentHint = HINT[mode];
  const audio = stream.getAudioTracks()[0] ?? null;
  const echoed = audio !== null && echoes(surface, audio.getSettings() as { restrictOwnAudio?: boolean });
  if (echoed) audio.stop();
  return { video, audio: echoed ? null : audio, surface, echoed };
}

/** A tab that is shown to others is what one wants to be in; a window stays behind the call until somebody goes there. */
function focus(controller: FocusController | null, surface: ScreenSurface): void {
  if (!controller || surface === 'screen') return;
  try {
    controller.setFocusBehavior(surface === 'tab' ? 'focus-captured-surface' : 'no-focus-change');
  } catch {
    // It has to be said at once, and the browser may have been slower.
  }
}

export async function setScreenMode(track: MediaStreamTrack, mode: ScreenMode): Promise<void> {
  track.contentHint = HINT[mode];
  await track.applyConstraints({ frameRate: { ideal: FPS[mode], max: FPS[mode] } });
}
