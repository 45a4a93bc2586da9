import { cancelRing, runningRings, type RunningRing } from '../../sdk/index';
import { convene } from '../client';
import { duration } from '../format';
import { tell } from '../moderation/acts';
import { t } from './texts';
import { useNow } from '../ui/use-now';
import { Rows } from './rows';
import { SureButton } from './sure-button';
import { useLive } from './use-live';

/** Who is being rung at the moment. */
export function Rings() {
  const { data, failed, again } = useLive(() => runningRings(convene.session));
  const now = convene.session.now();
  useNow();
  const rings = data && data.rings.filter((one) => Date.parse(one.expiresAt) > now);
  return (
    <Rows rows={rings} failed={failed} again={again} more={null} none={t.admin.noRings}>
      <ul class="lines">
        {rings?.map((one, i) => (
          <Ring key={`${one.callId} ${one.userId || i}`} ring={one} now={now} onCancelled={again} />
        ))}
      </ul>
    </Rows>
  );
}

function Ring({ ring, now, onCancelled }: { ring: RunningRing; now: number; onCancelled: () => void }) {
  const direct = ring.channelKind === 'dm';
  const who = direct ? t.admin.directRing : t.admin.rings(ring.callerName, ring.name, ring.channelName);
  const [since, left] = [now - Date.parse(ring.since), Date.parse(ring.expiresAt) - now];
  return (
    <li class="line" data-testid="ring-row">
      <span class="line-text">
        <span dir="auto">{who}</span>
        <span class="meta">
          {t.admin.ringTimes(duration(since), duration(left))} {ring.shown ? t.admin.ringShown : t.admin.ringNotShown}
        </span>
      </span>
      <SureButton
        label={t.admin.cancelRing}
        sure={t.admin.cancelRingSure}
        about={who}
        testid="ring-cancel"
        run={() => void tell(() => cancelRing(convene.session, ring.callId, ring.userId), t.admin.ringCancelled).then(onCancelled)}
      />
    </li>
  );
}
