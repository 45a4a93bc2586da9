import { useEffect, useState } from 'preact/hooks';
import type { Message, Receipts } from '../../sdk/index';
import { convene } from '../client';
import { shortWhen } from '../format';
import { nameOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Dialog } from '../ui/dialog';

/** Who has read a message. In large channels only how many. */
export function SeenDialog({ message, onClose }: { message: Message; onClose: () => void }) {
  const [seen, setSeen] = useState<Receipts | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let gone = false;
    convene.chat.receipts(message).then(
      (found) => {
        if (!gone) setSeen(found);
      },
      () => {
        if (!gone) setFailed(true);
      },
    );
    return () => {
      gone = true;
    };
  }, [message.id]);
  return (
    <Dialog title={t.chat.seenBy} onClose={onClose} testid="seen">
      {failed ? <p>{t.chat.loadFailed}</p> : seen && <p class="meta">{t.chat.seen(seen.count)}</p>}
      <ul class="seen" aria-busy={seen === null && !failed}>
        {seen?.readers.map((one) => (
          <li key={one.userId} class="seen-row" data-testid="seen-row">
            <Avatar id={one.userId} name={nameOf(one.userId)} size="s" />
            <span dir="auto">{nameOf(one.userId)}</span>
            {one.at && (
              <time class="meta" dateTime={one.at}>
                {shortWhen(one.at)}
              </time>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
