import { useEffect, useLayoutEffect } from 'preact/hooks';
import { MessageSquare, Phone, PhoneOff, Video } from 'lucide';
import { interrupt } from '../a11y/announcer';
import { expectCall } from '../call/expected';
import { acceptRing, answerRingByMessage, declineRing } from '../intents';
import { channelsById, inCall, me, nameOf, rings, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button } from '../ui/button';
import { ringSound, startRinging } from './ringing';

export function RingBanner() {
  const ring = rings.value[0];
  const userId = me.value?.id ?? '';

  useLayoutEffect(() => (userId ? startRinging(userId) : undefined), [userId]);

  const name = ring ? nameOf(ring.fromId, ring.fromName) : '';
  useEffect(() => {
    if (!ring) return;
    expectCall();
    interrupt('ring', t.ring.incoming(name));
  }, [ring?.callId]);

  if (!ring) return null;
  const channel = channelsById.value.get(ring.channelId);
  const video = ring.type === 'video';
  // Who talks to somebody is not interrupted: it does not sound, and it is answered with words as well.
  const quiet = inCall.value;
  const blocked = ringSound.value === 'blocked';
  return (
    <div
      class={`ring ${quiet ? 'ring-quiet' : ''}`}
      role="dialog"
      aria-modal="false"
      aria-label={t.ring.label}
      data-testid="ring-banner"
      data-call-id={ring.callId}
      data-sound={ringSound.value}
      data-quiet={quiet}
    >
      <span class="ring-avatar">
        <Avatar id={ring.fromId} name={name} size="l" />
      </span>
      <div class="ring-text">
        <strong dir="auto">{video ? t.ring.incomingVideo(name) : t.ring.incoming(name)}</strong>
        {blocked ? (
          <span class="meta">{t.ring.soundBlocked}</span>
        ) : channel && channel.kind !== 'dm' ? (
          <span class="meta">{t.ring.inChannel(titleOf(channel))}</span>
        ) : (
          <span class="meta wide-only">{t.ring.hint}</span>
        )}
      </div>
      <div class="ring-actions">
        <Button kind="danger" icon={PhoneOff} testid="ring-decline" onClick={() => declineRing(ring)}>
          {t.ring.decline}
        </Button>
        {quiet && (
          <Button icon={MessageSquare} testid="ring-message" onClick={() => void answerRingByMessage(ring)}>
            {t.ring.message}
          </Button>
        )}
        <Button kind="ok" icon={video ? Video : Phone} testid="ring-accept" aria-keyshortcuts="F8" onClick={() => void acceptRing(ring)}>
          {quiet ? t.ring.leaveAndAnswer : t.ring.accept}
        </Button>
      </div>
    </div>
  );
}
