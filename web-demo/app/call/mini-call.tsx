import { Maximize2, Mic, MicOff, PhoneOff, Video, VideoOff } from 'lucide';
import { timer } from '../format';
import { leaveCall, toggleCamera, toggleMic } from '../intents';
import { micMode } from '../prefs';
import { pressTalk } from '../push-to-talk';
import { go } from '../router';
import { call, channelsById, grants, local, nameOf, titleOf } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { useNow } from '../ui/use-now';
import { dominant } from './call-state';

/** The call while another view is open. Reading a chat never costs the call. */
export function MiniCall({ place }: { place: 'sidebar' | 'top' }) {
  const now = useNow();
  const { channelId, joinedAt, phase, participants } = call.value;
  const channel = channelsById.value.get(channelId);
  const speaker = participants.find((p) => p.participantId === dominant.value);
  return (
    <section class={`mini-call mini-call-${place}`} aria-label={t.call.mini} data-testid="mini-call" data-region="toolbar">
      <button type="button" class="mini-call-text" onClick={() => go({ name: 'call' })} title={t.call.return}>
        <strong dir="auto">{channel ? titleOf(channel) : t.call.mini}</strong>
        <span class="mini-call-meta">
          {phase === 'joining' ? t.call.joining : timer(now - joinedAt)}
          {speaker && ` · ${t.call.speaking(nameOf(speaker.userId, speaker.name))}`}
        </span>
      </button>
      <div class="mini-call-tools">
        {grants.value.publish && (
          <>
            <IconButton
              icon={local.value.micOn ? Mic : MicOff}
              size={18}
              label={t.call.mic}
              aria-pressed={local.value.micOn}
              class={local.value.micOn ? '' : 'is-off'}
              onPointerDown={pressTalk}
              onClick={() => micMode.value === 'open' && void toggleMic()}
              testid="mini-mic"
            />
            <IconButton
              icon={local.value.cameraOn ? Video : VideoOff}
              size={18}
              label={t.call.camera}
              aria-pressed={local.value.cameraOn}
              class={local.value.cameraOn ? '' : 'is-off'}
              onClick={() => void toggleCamera()}
            />
          </>
        )}
        <IconButton icon={Maximize2} size={18} label={t.call.return} onClick={() => go({ name: 'call' })} testid="mini-open" />
        <IconButton icon={PhoneOff} size={18} class="is-leave" label={t.call.leaveCall} onClick={() => void leaveCall()} testid="mini-leave" />
      </div>
    </section>
  );
}
