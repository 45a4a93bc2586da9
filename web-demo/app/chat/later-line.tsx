import { useState } from 'preact/hooks';
import { CalendarClock, TriangleAlert } from 'lucide';
import type { Channel } from '../../sdk/index';
import { convene } from '../client';
import { shortWhen } from '../format';
import { scheduled } from '../store';
import { t } from '../strings';
import { Icon } from '../ui/icon';
import { lazyDialog } from '../ui/lazy';

const LaterList = lazyDialog(() => import('./later').then((m) => m.LaterList));

/** Says above the composer that something waits, and leads to it. */
export function LaterLine({ channel, threadId }: { channel: Channel; threadId: string }) {
  const [open, setOpen] = useState(false);
  void scheduled.value;
  const waiting = convene.schedule.in(channel.id, threadId);
  const failed = waiting.filter((one) => one.state === 'failed').length;
  const next = waiting.find((one) => one.state === 'pending');
  return (
    <>
      {waiting.length > 0 && (
        <button type="button" class={`later-line ${failed > 0 ? 'text-danger' : ''}`} onClick={() => setOpen(true)} data-testid="later-line">
          <Icon node={failed > 0 ? TriangleAlert : CalendarClock} size={14} />
          {failed > 0 ? t.later.notSent(failed) : t.later.waiting(waiting.length, next ? shortWhen(next.sendAt) : '')}
        </button>
      )}
      {open && <LaterList waiting={waiting} onClose={() => setOpen(false)} />}
    </>
  );
}
