import { useEffect, useRef } from 'preact/hooks';
import { Phone, PhoneOff, Video } from 'lucide';
import { interrupt } from '../a11y/announcer';
import { acceptRing, declineRing } from '../intents';
import { channelsById, inCall, me, nameOf, rings, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button } from '../ui/button';
import { leadRinging, startTone, stopTone } from './tone';

export function RingBanner() {
  const ring = rings.value[0];
  const leader = useRef<ReturnType<typeof leadRinging> | null>(null);
  const userId = me.value?.id ?? '';

  useEffect(() => {
    const lead = leadRinging(userId);
    leader.current = lead;
    return () => lead.release();
  }, [userId]);

  const name = ring ? nameOf(ring.fromId, ring.fromName) : '';
  useEffect(() => {
    if (!ring) return;
    interrupt('ring', t.ring.incoming(name));
    // In a call the prompt is quiet.
    const sound = setInterval(() => {
      if (leader.current?.leads() && !inCall.value) startTone();
    }, 150);
    const title = document.title;
    document.title = t.ring.title(name);
    return () => {
      clearInterval(sound);
      stopTone();
      document.title = title;
    };
  }, [ring?.callId]);

  if (!ring) return null;
  const channel = channelsById.value.get(ring.channelId);
  const video = ring.type === 'video';
  return (
    <div class="ring" role="dialog" aria-modal="false" aria-label={t.ring.label} data-testid="ring-banner" data-call-id={ring.callId}>
      <span class="ring-avatar">
        <Avatar id={ring.fromId} name={name} size="l" />
      </span>
      <div class="ring-text">
        <strong dir="auto">{video ? t.ring.incomingVideo(name) : t.ring.incoming(name)}</strong>
        {channel && channel.kind !== 'dm' ? (
          <span class="meta">{t.ring.inChannel(titleOf(channel))}</span>
        ) : (
          <span class="meta wide-only">{t.ring.hint}</span>
        )}
      </div>
      <div class="ring-actions">
        <Button kind="danger" icon={PhoneOff} testid="ring-decline" onClick={() => declineRing(ring)}>
          {t.ring.decline}
        </Button>
        <Button kind="ok" icon={video ? Video : Phone} testid="ring-accept" aria-keyshortcuts="F8" onClick={() => void acceptRing(ring)}>
          {t.ring.accept}
        </Button>
      </div>
    </div>
  );
}
