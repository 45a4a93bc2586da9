import { useEffect, useState } from 'preact/hooks';
import { Bell, BellOff, MessagesSquare, X } from 'lucide';
import type { Channel, Thread } from '../../sdk/index';
import { convene } from '../client';
import { dayLabel } from '../format';
import { closeThread, followThread, openThread } from '../intents';
import { nameOf } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Composer } from './composer';
import { MessageList } from './message-list';
import { TypingLine } from './typing-line';

/** A thread beside its channel; instead of it where there is no room for both. */
export function ThreadPanel({ channel, title, thread }: { channel: Channel; title: string; thread: Thread }) {
  return (
    <aside
      class="channel thread-panel"
      aria-labelledby="thread-title"
      data-testid="thread-panel"
      data-region="panel"
      data-thread-id={thread.root.id}
    >
      <header class="view-head">
        <div class="view-heading">
          <h2 id="thread-title" class="view-title">
            {t.chat.thread}
          </h2>
          <span class="meta view-sub" dir="auto">
            {t.chat.threadIn(title)}
          </span>
        </div>
        <div class="view-actions">
          <IconButton
            icon={thread.following ? Bell : BellOff}
            label={thread.following ? t.chat.unfollow : t.chat.follow}
            onClick={() => void followThread(thread.root.id, !thread.following)}
            testid="thread-follow"
          />
          <IconButton icon={X} label={t.chat.closeThread} onClick={closeThread} testid="thread-close" />
        </div>
      </header>
      <MessageList channel={channel} title={title} thread={thread} />
      <TypingLine channelId={channel.id} threadId={thread.root.id} />
      <Composer channel={channel} title={title} threadId={thread.root.id} />
    </aside>
  );
}

/** The threads one follows in a channel, and how many of them have something new. */
export function ThreadsButton({ channel }: { channel: Channel }) {
  const [open, setOpen] = useState(false);
  const { unread } = channel.threads;
  return (
    <span class="with-badge">
      <IconButton
        icon={MessagesSquare}
        label={unread > 0 ? t.chat.threadsUnread(unread) : t.chat.threads}
        onClick={() => setOpen(true)}
        testid="threads-open"
      />
      {unread > 0 && (
        <span class="badge" aria-hidden="true" data-testid="threads-unread">
          {unread}
        </span>
      )}
      {open && <ThreadsDialog channel={channel} onClose={() => setOpen(false)} />}
    </span>
  );
}

function ThreadsDialog({ channel, onClose }: { channel: Channel; onClose: () => void }) {
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
