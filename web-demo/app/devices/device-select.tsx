import type { ComponentChildren } from 'preact';
import { Volume2 } from 'lucide';
import { canChooseRingOutput, canChooseSpeaker } from '../../sdk/index';
import { cameraDevice, micDevice, ringDevice, speakerDevice } from '../prefs';
import { playOnce } from '../rings/tone';
import { devices, local } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';
import { pickCamera, pickMicrophone, pickRingOutput, pickSpeaker } from './acts';
import '../styles/devices.css';

interface SelectProps {
  label: string;
  devices: readonly MediaDeviceInfo[];
  value: string;
  onPick: (id: string) => void;
  testid: string;
  extra?: ComponentChildren;
}

function DeviceSelect({ label, devices: all, value, onPick, testid, extra }: SelectProps) {
  const named = all.filter((d) => d.label);
  const known = named.some((d) => d.deviceId === value);
  return (
    <div class="device">
      <label class="field">
        <span>{label}</span>
        <select value={known ? value : ''} onChange={(e) => onPick(e.currentTarget.value)} data-testid={testid}>
          {!known && <option value="">{t.lobby.systemDefault}</option>}
          {named.map((d) => (
            <option key={d.deviceId} value={d.deviceId}>
              {d.label}
            </option>
          ))}
        </select>
      </label>
      {extra}
    </div>
  );
}

/** Each shows what the live track says, which may be another device than the one that was asked for. */
export function MicrophoneSelect() {
  const value = local.value.micTrack?.getSettings().deviceId ?? micDevice.value;
  return <DeviceSelect label={t.lobby.microphone} devices={devices.value.microphones} value={value} onPick={pickMicrophone} testid="pick-mic" />;
}

export function CameraSelect() {
  const value = local.value.cameraTrack?.getSettings().deviceId ?? cameraDevice.value;
  return <DeviceSelect label={t.lobby.camera} devices={devices.value.cameras} value={value} onPick={pickCamera} testid="pick-camera" />;
}

export function SpeakerSelect() {
  if (!canChooseSpeaker()) return <p class="meta">{t.devices.phoneSpeaker}</p>;
  const test = (
    <Button kind="plain" icon={Volume2} onClick={() => playOnce(speakerDevice.value)}>
      {t.lobby.testSound}
    </Button>
  );
  return <DeviceSelect label={t.lobby.speaker} devices={devices.value.speakers} value={speakerDevice.value} onPick={pickSpeaker} testid="pick-speaker" extra={test} />;
}

export function RingSelect() {
  if (!canChooseRingOutput()) return null;
  const test = (
    <Button kind="plain" icon={Volume2} onClick={() => playOnce(ringDevice.value)}>
      {t.devices.ringTest}
    </Button>
  );
  return <DeviceSelect label={t.devices.ring} devices={devices.value.speakers} value={ringDevice.value} onPick={pickRingOutput} testid="pick-ring" extra={test} />;
}
