import { useState } from 'preact/hooks';
import type { Signal } from '@preact/signals';
import { autoPip, micMode, releaseMic, saveCameras, saveMine, saveScreens, talkKey, talkNotice, tellComings } from '../prefs';
import { pipWay } from '../pip/way';
import { devicesOpen, local } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { CameraSelect, MicrophoneSelect, RingSelect, SpeakerSelect } from './device-select';
import { keyName } from './key-name';
import { PermissionNote } from './permission-note';

export function DeviceDialog() {
  const { micProblem, cameraProblem } = local.value;
  return (
    <Dialog title={t.devices.title} onClose={() => (devicesOpen.value = false)} testid="devices">
      <div class="devices">
        <MicrophoneSelect />
        <PermissionNote problem={micProblem} kind="mic" />
        <CameraSelect />
        <PermissionNote problem={cameraProblem} kind="camera" />
        <SpeakerSelect />
        <RingSelect />
        <fieldset class="devices-talk">
          <legend>{t.devices.talking}</legend>
          {(['open', 'hold'] as const).map((mode) => (
            <label key={mode} class="check">
              <input type="radio" name="mic-mode" checked={micMode.value === mode} onChange={() => (micMode.value = mode)} data-testid={`mic-mode-${mode}`} />
              <span>{t.devices.talkModes[mode]}</span>
            </label>
          ))}
          {micMode.value === 'hold' && <KeyPicker />}
        </fieldset>
        <Switch label={t.devices.talkNotice} on={talkNotice.value === 'on'} onChange={(on) => (talkNotice.value = on ? 'on' : 'off')} testid="talk-notice" />
        <Switch label={t.devices.release} hint={t.devices.releaseHint} on={releaseMic.value === 'on'} onChange={(on) => (releaseMic.value = on ? 'on' : 'off')} testid="release-mic" />
        <Stored of={tellComings} label={t.comings.switch} testid="tell-comings" />
        {pipWay() === 'document' && <Stored of={autoPip} label={t.pip.automatic} testid="auto-pip" />}
        <fieldset class="devices-talk">
          <legend>{t.saver.title}</legend>
          <Stored of={saveMine} label={t.saver.small} testid="save-mine" />
          <Stored of={saveCameras} label={t.saver.cameras} testid="save-cameras" />
          <Stored of={saveScreens} label={t.saver.screens} testid="save-screens" />
        </fieldset>
      </div>
    </Dialog>
  );
}

function Stored({ of, label, testid }: { of: Signal<'on' | 'off'>; label: string; testid: string }) {
  return <Switch label={label} on={of.value === 'on'} onChange={(on) => (of.value = on ? 'on' : 'off')} testid={testid} />;
}

function Switch({ label, hint, on, onChange, testid }: { label: string; hint?: string; on: boolean; onChange: (on: boolean) => void; testid: string }) {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(e) => onChange(e.currentTarget.checked)} data-testid={testid} />
      <span>
        {label}
        {hint && <span class="meta">{hint}</span>}
      </span>
    </label>
  );
}

/** Takes the next key, whatever is printed on it. */
function KeyPicker() {
  const [waiting, setWaiting] = useState(false);
  return (
    <div class="devices-key">
      <span>{t.devices.talkKey}</span>
      <Button
        testid="talk-key"
        aria-pressed={waiting}
        onClick={() => setWaiting(true)}
        onBlur={() => setWaiting(false)}
        onKeyDown={(event) => {
          if (!waiting) return;
          event.preventDefault();
          event.stopPropagation();
          setWaiting(false);
          if (event.key !== 'Escape' && event.key !== 'Tab') talkKey.value = event.code;
        }}
        onKeyUp={(event) => event.preventDefault()}
      >
        {waiting ? t.devices.talkKeySet : keyName(talkKey.value)}
      </Button>
      <span class="meta">{t.devices.talkHint}</span>
    </div>
  );
}
