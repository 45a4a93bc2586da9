import { convene } from '../client';
import { blocked, nameOf, typingTick } from '../store';
import { t } from '../strings';

/** Who writes in a channel's own timeline, or in one of its threads. */
export function TypingLine({ channelId, threadId = '' }: { channelId: string; threadId?: string }) {
  void typingTick.value;
  const typists = convene.typing.in(channelId, threadId).filter((x) => !blocked.value.has(x.userId));
  const names = typists.map((x) => nameOf(x.userId, x.name));
  return (
    <p class="typing" data-testid={threadId ? 'thread-typing' : 'typing'} aria-live="off">
      {names.length > 0 && (
        <span class="typing-dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
      )}
      {t.chat.typing(names)}
    </p>
  );
}
