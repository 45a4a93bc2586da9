import { useState } from 'preact/hooks';
import { Bell, BellOff, MessagesSquare, X } from 'lucide';
import type { Channel, Thread } from '../../sdk/index';
import { closeThread, followThread } from '../intents';
import { route } from '../router';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { lazyDialog } from '../ui/lazy';
import { isNarrow } from '../ui/viewport';
import { Composer } from './composer';
import { MessageList } from './message-list';
import { TypingLine } from './typing-line';

const ThreadsDialog = lazyDialog(() => import('./threads-dialog').then((m) => m.ThreadsDialog));

/** A thread beside its channel; instead of it where there is no room for both. */
export function ThreadPanel({ channel, title, thread }: { channel: Channel; title: string; thread: Thread }) {
  // The heading of the page is that of the channel, or of the call, where one of them is shown.
  const Heading = isNarrow.value && route.value.name !== 'call' ? 'h1' : 'h2';
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
          <Heading id="thread-title" class="view-title">
            {t.chat.thread}
          </Heading>
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
