/** What every lobby shows of the own devices. */
import { useEffect, useRef } from 'preact/hooks';
import { Mic, MicOff, Settings2, Video, VideoOff } from 'lucide';
import { convene } from '../client';
import { toggleCamera, toggleMic } from '../intents';
import { devicesOpen, local } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Icon } from '../ui/icon';
import '../styles/lobby.css';

interface ToggleProps {
  on: boolean;
  icons: [typeof Mic, typeof Mic];
  label: string;
  shortcut?: string;
  testid: string;
  onClick: () => void;
}

function Toggle({ on, icons, label, shortcut, testid, onClick }: ToggleProps) {
  return (
    <button type="button" class={`control ${on ? '' : 'control-off'}`} aria-label={label} aria-pressed={on} title={shortcut ? `${label} (${shortcut})` : label} data-testid={testid} onClick={onClick}>
      <Icon node={on ? icons[0] : icons[1]} size={22} />
    </button>
  );
}

/** What the others would see, and what is switched on. `who` has a picture while there is none of the camera. */
export function PreviewBox({ who, keys }: { who: { id: string; name: string } | null; keys: boolean }) {
  const { micOn, cameraOn } = local.value;
  return (
    <div class="lobby-preview">
      <Preview who={who} />
      <div class="lobby-toggles" role="group" aria-label={t.call.toolbar}>
        <Toggle on={micOn} icons={[Mic, MicOff]} label={t.call.mic} {...(keys ? { shortcut: 'M' } : {})} testid="lobby-mic" onClick={() => void toggleMic()} />
        <Toggle on={cameraOn} icons={[Video, VideoOff]} label={t.call.camera} {...(keys ? { shortcut: 'V' } : {})} testid="lobby-camera" onClick={() => void toggleCamera()} />
        <button type="button" class="control" aria-label={t.devices.open} title={t.devices.open} data-testid="lobby-devices" onClick={() => (devicesOpen.value = true)}>
          <Icon node={Settings2} size={22} />
        </button>
      </div>
    </div>
  );
}

function Preview({ who }: { who: { id: string; name: string } | null }) {
  const video = useRef<HTMLVideoElement>(null);
  const { cameraTrack, opening } = local.value;
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = cameraTrack ? new MediaStream([cameraTrack]) : null;
    if (cameraTrack) void element.play().catch(() => {});
  }, [cameraTrack]);
  return (
    <div class="preview" data-video={cameraTrack !== null}>
      <video ref={video} autoplay playsInline muted hidden={!cameraTrack} aria-label={t.lobby.preview} />
      {!cameraTrack && (
        <div class="preview-off">
          {who && <Avatar id={who.id} name={who.name} size="xl" />}
          <span>{opening.camera ? t.lobby.starting : t.lobby.cameraOff}</span>
        </div>
      )}
    </div>
  );
}

const BARS = 14;

/** Moves without a render: the bar is written to directly, ten times a second. */
export function LevelMeter() {
  const bar = useRef<HTMLDivElement>(null);
  const { micTrack, micOn } = local.value;
  useEffect(() => {
    const { levels } = convene.call;
    levels.measure(micTrack);
    const off = levels.events.on('own', (rms) => {
      // Speech sits between -50 and -10 dB; the bar spreads that range over its width.
      const db = 20 * Math.log10(Math.max(rms, 1e-5));
      const share = Math.max(0, Math.min(1, (db + 55) / 45));
      bar.current?.style.setProperty('--level', share.toFixed(3));
      bar.current?.setAttribute('aria-valuenow', String(Math.round(share * 100)));
    });
    return () => {
      off();
      if (convene.call.state.phase === 'idle') levels.measure(null);
    };
  }, [micTrack]);
  return (
    <div
      ref={bar}
      class="meter"
      role="meter"
      aria-label={t.lobby.level}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      data-off={!micOn || !micTrack}
      data-testid="mic-level"
    >
      {Array.from({ length: BARS }, (_, i) => (
        <span key={i} style={{ '--at': String((i + 0.5) / BARS) }} />
      ))}
    </div>
  );
}
