import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ArrowLeft, Mic, MicOff, Video, VideoOff, Volume2 } from 'lucide';
import { canChooseSpeaker, listDevices, type Channel, type DeviceList, type DeviceProblem } from '../../sdk/index';
import { convene } from '../client';
import { joinFromLobby, openChannel, toggleCamera, toggleMic } from '../intents';
import { cameraDevice, micDevice, speakerDevice } from '../prefs';
import { callInChannel, local, me, nameOf, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button, IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import '../styles/lobby.css';

export function Lobby({ channel, video }: { channel: Channel; video: boolean }) {
  const joined = useRef(false);
  const [devices, setDevices] = useState<DeviceList>({ microphones: [], cameras: [], speakers: [] });
  const { local: media } = convene;
  const { micTrack, micOn, micProblem, cameraOn, cameraTrack, cameraProblem, opening } = local.value;

  useEffect(() => {
    media.micDevice = micDevice.value;
    media.cameraDevice = cameraDevice.value;
    // Microphone first; the camera only if the call is one with video.
    void media.setMic(true).then(() => (video ? media.setCamera(true) : undefined));
    return () => {
      if (!joined.current && convene.call.state.phase === 'idle') media.release();
    };
  }, []);

  useEffect(() => {
    const refresh = () => void listDevices().then(setDevices, () => {});
    refresh();
    navigator.mediaDevices?.addEventListener('devicechange', refresh);
    return () => navigator.mediaDevices?.removeEventListener('devicechange', refresh);
  }, [micTrack, cameraTrack]);

  const running = callInChannel(channel.id);
  const names = (running?.participants ?? []).map((p) => nameOf(p.userId, p.name));

  const join = (listenOnly: boolean) => {
    joined.current = true;
    void joinFromLobby(channel, video || cameraOn, listenOnly);
  };

  return (
    <section class="lobby" aria-labelledby="lobby-title" data-testid="lobby">
      <IconButton icon={ArrowLeft} class="lobby-back flip-rtl" label={t.back} onClick={() => openChannel(channel)} />
      <div class="lobby-preview">
        <Preview />
        <div class="lobby-toggles" role="group" aria-label={t.call.toolbar}>
          <Toggle on={micOn} icons={[Mic, MicOff]} label={t.call.mic} shortcut="M" testid="lobby-mic" onClick={() => void toggleMic()} />
          <Toggle on={cameraOn} icons={[Video, VideoOff]} label={t.call.camera} shortcut="V" testid="lobby-camera" onClick={() => void toggleCamera()} />
        </div>
      </div>
      <div class="lobby-side">
        <h1 id="lobby-title">{t.lobby.title}</h1>
        <p class="lobby-where" dir="auto">
          {t.lobby.where(titleOf(channel))}
        </p>
        <div class="lobby-inside">
          {running && running.participants.length > 0 ? (
            <>
              <span class="stack-avatars" aria-hidden="true">
                {running.participants.slice(0, 4).map((p) => (
                  <Avatar key={p.participantId} id={p.userId} name={nameOf(p.userId, p.name)} size="s" />
                ))}
              </span>
              <span>{t.lobby.inside(names.slice(0, 3), Math.max(0, names.length - 3))}</span>
            </>
          ) : (
            <span class="meta">{t.lobby.nobody}</span>
          )}
        </div>
        <DeviceSelect
          label={t.lobby.microphone}
          devices={devices.microphones}
          value={micTrack?.getSettings().deviceId ?? micDevice.value}
          onPick={(id) => {
            micDevice.value = id;
            void media.useMicrophone(id);
          }}
        />
        <LevelMeter />
        <Problem problem={micProblem} kind="mic" />
        <DeviceSelect
          label={t.lobby.camera}
          devices={devices.cameras}
          value={cameraTrack?.getSettings().deviceId ?? cameraDevice.value}
          onPick={(id) => {
            cameraDevice.value = id;
            void media.useCamera(id);
          }}
        />
        <Problem problem={cameraProblem} kind="camera" />
        {canChooseSpeaker() && (
          <DeviceSelect
            label={t.lobby.speaker}
            devices={devices.speakers}
            value={speakerDevice.value}
            onPick={(id) => (speakerDevice.value = id)}
            extra={<Button kind="plain" icon={Volume2} onClick={() => void testSound(speakerDevice.value)}>{t.lobby.testSound}</Button>}
          />
        )}
        <div class="lobby-actions">
          <Button kind="primary" class="btn-large" testid="lobby-join" onClick={() => join(false)}>
            {running ? t.lobby.joinNow : t.lobby.startNow}
          </Button>
          <Button class="btn-large" testid="lobby-listen" onClick={() => join(true)}>
            {t.lobby.listen}
          </Button>
        </div>
        {/* Keeps its place, so that the buttons above do not move under the pointer. */}
        <p class="meta lobby-hint">{opening.mic && t.lobby.allowHint}</p>
      </div>
    </section>
  );
}

function Toggle({ on, icons, label, shortcut, testid, onClick }: { on: boolean; icons: [typeof Mic, typeof Mic]; label: string; shortcut: string; testid: string; onClick: () => void }) {
  return (
    <button type="button" class={`control ${on ? '' : 'control-off'}`} aria-label={label} aria-pressed={on} title={`${label} (${shortcut})`} data-testid={testid} onClick={onClick}>
      <Icon node={on ? icons[0] : icons[1]} size={22} />
    </button>
  );
}

function Preview() {
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
          {me.value && <Avatar id={me.value.id} name={me.value.name} size="xl" />}
          <span>{opening.camera ? t.lobby.starting : t.lobby.cameraOff}</span>
        </div>
      )}
    </div>
  );
}

const BARS = 14;

/** Moves without a render: the bar is written to directly, ten times a second. */
function LevelMeter() {
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

interface SelectProps {
  label: string;
  devices: MediaDeviceInfo[];
  value: string;
  onPick: (id: string) => void;
  extra?: ComponentChildren;
}

function DeviceSelect({ label, devices, value, onPick, extra }: SelectProps) {
  const named = devices.filter((d) => d.label);
  const known = named.some((d) => d.deviceId === value);
  return (
    <div class="device">
      <label class="field">
        <span>{label}</span>
        <select value={known ? value : ''} onChange={(e) => onPick(e.currentTarget.value)}>
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

/** What happened, what still works, one action. */
function Problem({ problem, kind }: { problem: DeviceProblem | null; kind: 'mic' | 'camera' }) {
  if (!problem) return null;
  const texts = t.lobby.problems;
  const browser = /firefox/i.test(navigator.userAgent) ? 'firefox' : /chrom/i.test(navigator.userAgent) ? 'chrome' : 'safari';
  const text = {
    denied: texts.denied[browser],
    dismissed: texts.dismissed,
    system: texts.system,
    busy: texts.busy,
    missing: kind === 'mic' ? texts.missingMic : texts.missingCamera,
    unsupported: texts.unsupported,
    unknown: texts.unknown,
  }[problem];
  const again = () => void (kind === 'mic' ? convene.local.setMic(true) : convene.local.setCamera(true));
  return (
    <div class={problem === 'missing' ? 'note' : 'note note-warn'} role="status">
      <span>{text}</span>
      {problem !== 'missing' && problem !== 'unsupported' && (
        <Button kind="plain" onClick={again}>
          {kind === 'mic' ? t.lobby.allowMic : t.retry}
        </Button>
      )}
    </div>
  );
}

async function testSound(sinkId: string): Promise<void> {
  const context = new AudioContext();
  const routed = context as AudioContext & { setSinkId?: (id: string) => Promise<void> };
  if (sinkId && routed.setSinkId) await routed.setSinkId(sinkId).catch(() => {});
  const gain = context.createGain();
  gain.gain.setValueAtTime(0.2, context.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.9);
  const oscillator = context.createOscillator();
  oscillator.frequency.value = 660;
  oscillator.connect(gain).connect(context.destination);
  oscillator.start();
  oscillator.stop(context.currentTime + 0.9);
  oscillator.onended = () => void context.close();
}
