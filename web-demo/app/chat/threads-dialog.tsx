import { useEffect, useState } from 'preact/hooks';
import type { Channel, Thread } from '../../sdk/index';
import { convene } from '../client';
import { dayLabel } from '../format';
import { openThread } from '../intents';
import { nameOf } from '../store';
import { t } from '../strings';
import { Dialog } from '../ui/dialog';

/** The threads one follows in a channel, to go to one of them. */
export function ThreadsDialog({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const [threads, setThreads] = useState<readonly Thread[] | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let gone = false;
    convene.chat.threads.list(channel.id).then(
      (found) => {
        if (!gone) setThreads(found);
      },
      () => {
        if (!gone) setFailed(true);
      },
    );
    return () => {
      gone = true;
    };
  }, [channel.id]);
  return (
    <Dialog title={t.chat.threads} onClose={onClose} testid="threads">
      {failed ? <p>{t.chat.loadFailed}</p> : threads?.length === 0 && <p class="meta">{t.chat.noThreads}</p>}
      <ul class="pins" aria-busy={threads === null && !failed}>
        {threads?.map(({ root, unread }) => (
          <li key={root.id}>
            <button
              type="button"
              class="pin thread-row"
              data-testid="thread-row"
              onClick={() => {
                onClose();
                void openThread(root);
              }}
            >
              <span class="meta">
                <strong dir="auto">{nameOf(root.authorId, root.authorName)}</strong> · {dayLabel(root.createdAt)}
              </span>
              <span class="message-text" dir="auto">
                {root.deleted ? t.chat.deleted : root.content}
              </span>
              <span class={unread > 0 ? 'thread-new' : 'meta'}>
                {unread > 0 ? t.chat.newReplies(unread) : t.chat.replies(root.thread?.count ?? 0)}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
