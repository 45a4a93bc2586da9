import { useEffect, useRef } from 'preact/hooks';
import { ArrowLeft } from 'lucide';
import { isHost, isServerAdmin, type Channel, type DeviceProblem } from '../../sdk/index';
import { useEntry } from '../a11y/focus';
import { expectCall } from '../call/expected';
import { convene } from '../client';
import { CameraSelect, MicrophoneSelect, SpeakerSelect } from '../devices/device-select';
import { PermissionNote } from '../devices/permission-note';
import { joinFromLobby, openChannel } from '../intents';
import { go } from '../router';
import { call, callInChannel, grants, local, me, nameOf, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button, IconButton } from '../ui/button';
import { LevelMeter, PreviewBox } from './parts';

/** Without a word from the browser there is nothing to pick from, and the way in is further up. */
const closed = (problem: DeviceProblem | null): boolean => problem === 'notAsked' || problem === 'denied' || problem === 'system';

export function Lobby({ channel, video }: { channel: Channel; video: boolean }) {
  const joined = useRef(false);
  const { local: media } = convene;
  const { micTrack, micProblem, micSilent, cameraOn, cameraProblem, opening } = local.value;

  const { publish } = grants.value;

  const { channelId, phase } = call.value;
  const inside = phase !== 'idle' && channelId === channel.id;
  // Who is in already has no door to go through.
  useEffect(() => {
    if (inside) go({ name: 'call' }, true);
  }, [inside]);

  useEffect(expectCall, []);
  useEffect(() => {
    if (!publish || inside) return;
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
    void joinFromLobby(channel, publish && (video || cameraOn), listenOnly || !publish);
  };

  if (inside) return null;
  return (
    <section class="lobby" aria-labelledby="lobby-title" data-testid="lobby">
      <IconButton icon={ArrowLeft} class="lobby-back flip-rtl" label={t.back} onClick={() => openChannel(channel)} />
      {publish && <PreviewBox who={me.value} keys />}
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
        {publish ? (
          <>
            {!closed(micProblem) && <MicrophoneSelect />}
            {!closed(micProblem) && <LevelMeter />}
            {micSilent && (
              <p class="note note-warn" role="status" data-testid="mic-silent">
                {t.microphone.silent}
              </p>
            )}
            <PermissionNote problem={micProblem} kind="mic" />
            {!closed(cameraProblem) && <CameraSelect />}
            {/* One question at a time: the camera's comes when the microphone's is answered. */}
            {!(micProblem === 'notAsked' && cameraProblem === 'notAsked') && <PermissionNote problem={cameraProblem} kind="camera" />}
          </>
        ) : (
          <p class="note">{t.guest.listenOnly}</p>
        )}
        <SpeakerSelect />
        <div class="lobby-actions">
          <Button kind="primary" class="btn-large" testid="lobby-join" onClick={() => join(false)}>
            {running ? t.lobby.joinNow : t.lobby.startNow}
          </Button>
          {publish && (
            <Button class="btn-large" testid="lobby-listen" onClick={() => join(true)}>
              {t.lobby.listen}
            </Button>
          )}
        </div>
        {/* Keeps its place, so that the buttons above do not move under the pointer. */}
        <p class="meta lobby-hint">{opening.mic && t.lobby.allowHint}</p>
      </div>
    </section>
  );
}
