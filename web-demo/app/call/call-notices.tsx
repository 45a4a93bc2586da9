/** What one has to know about being heard and hearing, above the controls. At most a line each. */
import { useState } from 'preact/hooks';
import { MicOff, VolumeX, X } from 'lucide';
import { convene } from '../client';
import { closeTalkBubble, soundOnly } from '../devices/acts';
import { PermissionNote } from '../devices/permission-note';
import { NetworkNotices } from './network-notices';
import { call, local, talkBubble } from '../store';
import { t } from '../strings';
import { Button, IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { OfferLower } from './hand-queue';

export function CallNotices() {
  const { micSilent, micModerated, micProblem, cameraProblem, paused } = local.value;
  const { soundBlocked, soundOnly: onlySound } = call.value;
  return (
    <div class="call-notices">
      {soundBlocked && (
        <div class="share-bar" role="status" data-testid="sound-blocked">
          <Icon node={VolumeX} size={18} />
          <span>{t.call.soundBlocked}</span>
          <Button kind="primary" testid="turn-on-sound" onClick={() => convene.call.sink.unblock()}>
            {t.call.turnOnSound}
          </Button>
        </div>
      )}
      {onlySound && (
        <div class="share-bar" role="status" data-testid="sound-only">
          <span>{t.connection.soundOnlyOn}</span>
          <Button onClick={() => soundOnly(false)}>{t.connection.showVideo}</Button>
        </div>
      )}
      <NetworkNotices />
      <Problem kind="mic" problem={micProblem} key={`mic-${micProblem}`} />
      <Problem kind="camera" problem={cameraProblem} key={`camera-${cameraProblem}`} />
      <OfferLower />
      {micSilent && <Line text={t.microphone.silent} testid="mic-silent" />}
      {micModerated && <Line text={t.microphone.mutedByHost} testid="mic-moderated" />}
      {paused && <Line text={t.microphone.paused} testid="mic-paused" />}
    </div>
  );
}

function Line({ text, testid }: { text: string; testid: string }) {
  return (
    <div class="share-bar" role="status" data-testid={testid}>
      <Icon node={MicOff} size={18} />
      <span>{text}</span>
    </div>
  );
}

function Problem({ kind, problem }: { kind: 'mic' | 'camera'; problem: typeof local.value.micProblem }) {
  const [closed, setClosed] = useState(false);
  if (!problem || closed) return null;
  return (
    <div class="call-problem">
      <PermissionNote problem={problem} kind={kind} />
      <IconButton icon={X} size={16} label={t.close} onClick={() => setClosed(true)} />
    </div>
  );
}

/** Beside the microphone button; it makes no sound, and comes once each time one is muted. */
export function TalkBubble() {
  if (!talkBubble.value) return null;
  return (
    <div class="talk-bubble" role="status" data-testid="talk-bubble">
      <span>{t.microphone.talking}</span>
      <span class="talk-bubble-actions">
        <Button kind="quiet" testid="talk-never" onClick={() => closeTalkBubble(true)}>
          {t.microphone.dontShow}
        </Button>
        <IconButton icon={X} size={16} label={t.close} onClick={() => closeTalkBubble(false)} />
      </span>
    </div>
  );
}
