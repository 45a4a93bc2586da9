/** What one does about microphone, camera, sound and screen. Each says what came of it. */
import { effect } from '@preact/signals';
import type { ScreenMode } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { toast } from '../intents';
import { cameraDevice, lastCamera, micDevice, micMode, releaseMic, ringDevice, saveMine, speakerDevice, talkNotice } from '../prefs';
import { devicesOpen, inCall, talkBubble } from '../store';
import { t } from '../strings';

const LONG_MS = 12_000;
const { local, call } = convene;

export function pickMicrophone(id: string): void {
  micDevice.value = id;
  void local.useMicrophone(id);
}

export function pickCamera(id: string): void {
  cameraDevice.value = id;
  void local.useCamera(id);
}

export function pickSpeaker(id: string): void {
  speakerDevice.value = id;
  void call.sink.useSpeaker(id);
}

export function pickRingOutput(id: string): void {
  ringDevice.value = id;
}

/** In a click: the browser asks. */
export function allow(kind: 'mic' | 'camera'): void {
  void local.open(kind);
}

export function closeTalkBubble(forEver: boolean): void {
  talkBubble.value = false;
  if (forEver) talkNotice.value = 'off';
}

export function soundOnly(on: boolean): void {
  if (on) void local.setCamera(false);
  call.soundOnly(on);
}

export function pauseSharing(paused: boolean): void {
  local.pauseScreen(paused);
  announce(paused ? t.share.paused : t.share.surface[local.state.screenSurface]);
}

export function switchSharing(): void {
  void local.switchScreen();
}

export function shareAs(mode: ScreenMode): void {
  void local.setScreenMode(mode);
}

/** What was chosen goes to the client, and what devices do by themselves is told. Called once at start. */
export function connectDevices(): void {
  effect(() => {
    local.micDevice = micDevice.value;
    local.cameraDevice = cameraDevice.value;
    local.speakerDevice = speakerDevice.value;
    local.releaseWhenMuted = releaseMic.value === 'on';
    local.holdToTalk = micMode.value === 'hold';
    local.noticeTalking = inCall.value && micMode.value === 'open' && talkNotice.value === 'on';
  });
  effect(() => call.sendSmall(saveMine.value === 'on'));
  const noteCamera = () => {
    if (call.state.phase === 'joined') lastCamera.value = local.state.cameraOn ? 'on' : 'off';
  };
  local.events.on('change', noteCamera);
  call.events.on('change', noteCamera);
  const change = { label: t.devices.change, run: () => void (devicesOpen.value = true) };
  local.events.on('lost', ({ kind, label, now }) => {
    const next = kind === 'speaker' ? t.devices.defaultSpeaker : now;
    toast(t.devices.lost(label || t.devices.unknown[kind], next), 'info', change, LONG_MS);
  });
  local.events.on('returned', ({ kind, label }) => toast(t.devices.returned(label || t.devices.unknown[kind])));
  local.events.on('substituted', ({ kind, now }) => toast(t.devices.substituted(now || t.devices.unknown[kind]), 'info', change));
  local.events.on('offered', (offered) => {
    // A headset is a microphone and a speaker: one question is enough.
    const first = offered[0];
    if (!first) return;
    const same = offered.filter(({ device }) => device === first.device || (device.groupId !== '' && device.groupId === first.device.groupId));
    const pick = { mic: pickMicrophone, camera: pickCamera, speaker: pickSpeaker };
    const use = { label: t.devices.use, run: () => same.forEach(({ kind, device }) => pick[kind](device.deviceId)) };
    toast(t.devices.offered(first.device.label), 'info', use, LONG_MS);
  });
  local.events.on('talkingMuted', () => {
    talkBubble.value = true;
    announce(t.microphone.talking);
  });
  local.events.on('screenEchoed', () => toast(t.share.echo, 'info', undefined, LONG_MS));
}
