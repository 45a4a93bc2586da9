/** While a call runs: the screen stays on, the buttons of keyboards and headsets do what they say, and it is told what becomes of rings. */
import { effect } from '@preact/signals';
import { stillRings, type CallSnapshot } from '../../sdk/index';
import { announceRing, forgetRing } from '../a11y/announcer';
import { leaveCall, toggleCamera, toggleMic } from '../intents';
import { togglePip } from '../pip/pip';
import { documentPip } from '../pip/way';
import { autoPip } from '../prefs';
import { call, channelsById, inCall, local, nameOf, pipOpen, titleOf } from '../store';
import { t } from '../strings';

let lock: WakeLockSentinel | null = null;
let asking = false;

/** The browser takes it back whenever the page is out of sight. */
async function keepAwake(): Promise<void> {
  if (!inCall.peek()) {
    await lock?.release().catch(() => {});
    lock = null;
    return;
  }
  if (!navigator.wakeLock || document.hidden || asking || (lock && !lock.released)) return;
  asking = true;
  // Without power, or without the right to it, the screen goes dark as always.
  lock = await navigator.wakeLock.request('screen').catch(() => null);
  asking = false;
  if (!inCall.peek()) await keepAwake();
}

interface CallSession {
  metadata: MediaMetadata | null;
  setMicrophoneActive?: (active: boolean) => unknown;
  setCameraActive?: (active: boolean) => unknown;
}

/** Names that a browser does not know throw; it has no such buttons then. */
function handle(action: string, run: (() => void) | null): void {
  try {
    navigator.mediaSession.setActionHandler(action as MediaSessionAction, run);
  } catch {
    // As above.
  }
}

/** What the rows of those who are rung show is said as well. */
function tellRings(): void {
  let told: CallSnapshot['invites'] = new Map();
  effect(() => {
    const { invites, participants } = call.value;
    // The last one who does not come ends the call, and that is told by itself.
    const goesOn = participants.length > 1 || [...invites.values()].some(stillRings);
    for (const [userId, state] of invites) {
      if (goesOn && state !== 'calling' && told.get(userId) !== state) announceRing(userId, nameOf(userId), t.call.ringing[state]);
    }
    // Who came is told as such.
    for (const userId of told.keys()) if (!invites.has(userId)) forgetRing(userId);
    told = invites;
  });
}

/** From the first call on, for as long as the page is there. */
export function besideCalls(): void {
  effect(() => {
    void inCall.value;
    void keepAwake();
  });
  document.addEventListener('visibilitychange', () => void keepAwake());
  tellRings();

  if (!('mediaSession' in navigator)) return;
  const session: CallSession = navigator.mediaSession;
  effect(() => {
    const on = inCall.value;
    handle('togglemicrophone', on ? () => void toggleMic() : null);
    handle('togglecamera', on ? () => void toggleCamera() : null);
    handle('hangup', on ? () => void leaveCall() : null);
    handle('enterpictureinpicture', on && autoPip.value === 'on' && documentPip() ? () => void (!pipOpen.peek() && togglePip()) : null);
  });
  effect(() => {
    const { micOn, cameraOn } = local.value;
    if (!inCall.value) return;
    void session.setMicrophoneActive?.(micOn);
    void session.setCameraActive?.(cameraOn);
  });
  effect(() => {
    const channel = channelsById.value.get(call.value.channelId);
    session.metadata = inCall.value ? new MediaMetadata({ title: channel ? titleOf(channel) : t.call.mini, artist: t.app }) : null;
  });
}
