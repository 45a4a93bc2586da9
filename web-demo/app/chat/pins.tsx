import { useEffect, useState } from 'preact/hooks';
import { PinOff } from 'lucide';
import type { Channel, Message } from '../../sdk/index';
import { convene } from '../client';
import { dayLabel } from '../format';
import { pin } from '../intents';
import { nameOf } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { Dialog } from '../ui/dialog';

/** What was pinned in a conversation, newest first; stays right while it is open. */
export function PinsDialog({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const [pins, setPins] = useState<readonly Message[] | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let gone = false;
    const load = () =>
      convene.chat.pins(channel.id).then(
        (found) => {
          if (!gone) setPins(found);
        },
        () => setFailed(true),
      );
    void load();
    const off = convene.chat.events.on('pins', (id) => {
      if (id === channel.id) void load();
    });
    return () => {
      gone = true;
      off();
    };
  }, [channel.id]);
  return (
    <Dialog title={t.chat.pins} onClose={onClose} testid="pins">
      {failed ? <p>{t.chat.loadFailed}</p> : pins?.length === 0 && <p class="meta">{t.chat.noPins}</p>}
      <ul class="pins" aria-busy={pins === null}>
        {pins?.map((m) => (
          <li key={m.id} class="pin" data-testid="pin">
            <div>
              <p class="meta">
                <strong dir="auto">{nameOf(m.authorId, m.authorName)}</strong> · {dayLabel(m.createdAt)}
              </p>
              <p class="message-text" dir="auto">
                {m.content}
              </p>
            </div>
            {convene.chat.mayPin(channel) && (
              <IconButton icon={PinOff} size={16} label={t.chat.unpin} onClick={() => void pin(m, false)} testid="unpin" />
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
