import { useEffect, useRef } from 'preact/hooks';
import { ArrowLeft, Mic, MicOff, Settings2, Video, VideoOff } from 'lucide';
import { isHost, isServerAdmin, type Channel } from '../../sdk/index';
import { useEntry } from '../a11y/focus';
import { convene } from '../client';
import { CameraSelect, MicrophoneSelect, SpeakerSelect } from '../devices/device-select';
import { PermissionNote } from '../devices/permission-note';
import { joinFromLobby, openChannel, toggleCamera, toggleMic } from '../intents';
import { callInChannel, devicesOpen, local, me, nameOf, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button, IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import '../styles/lobby.css';

export function Lobby({ channel, video }: { channel: Channel; video: boolean }) {
  const joined = useRef(false);
  const { local: media } = convene;
  const { micTrack, micOn, micProblem, micSilent, cameraOn, cameraProblem, opening } = local.value;

  useEffect(() => {
    // What needs no question opens at once, microphone first; for the rest somebody presses a button.
    void media.openIfAllowed('mic').then(() => (video ? media.openIfAllowed('camera') : undefined));
    return () => {
      if (!joined.current && convene.call.state.phase === 'idle') media.release();
    };
  }, []);

  // Allowed with the microphone, or found to be allowed: the camera of a video call follows without another button.
  useEffect(() => {
    if (micTrack && video && cameraProblem === 'notAsked') void media.openIfAllowed('camera');
  }, [micTrack]);

  const running = callInChannel(channel.id);
  const hosts = running?.initiatorId === me.value?.id || isHost(channel) || isServerAdmin(me.value);
  const names = (running?.participants ?? []).map((p) => nameOf(p.userId, p.name));

  const heading = useRef<HTMLHeadingElement>(null);
  useEntry(heading);
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
          <button type="button" class="control" aria-label={t.devices.open} title={t.devices.open} data-testid="lobby-devices" onClick={() => (devicesOpen.value = true)}>
            <Icon node={Settings2} size={22} />
          </button>
        </div>
      </div>
      <div class="lobby-side">
        <h1 id="lobby-title" ref={heading} tabIndex={-1}>{t.lobby.title}</h1>
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
        {running?.locked && (
          <p class="note note-warn" role="status" data-testid="lobby-locked">
            {hosts ? t.hosting.lockedHost : t.hosting.lockedOut}
          </p>
        )}
        <MicrophoneSelect />
        <LevelMeter />
        {micSilent && (
          <p class="note note-warn" role="status" data-testid="mic-silent">
            {t.microphone.silent}
          </p>
        )}
        <PermissionNote problem={micProblem} kind="mic" />
        <CameraSelect />
        {/* One question at a time: the camera's comes when the microphone's is answered. */}
        {!(micProblem === 'notAsked' && cameraProblem === 'notAsked') && <PermissionNote problem={cameraProblem} kind="camera" />}
        <SpeakerSelect />
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
