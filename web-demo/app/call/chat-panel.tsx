/** The conversation of the call beside its stage, so that a shared screen stays in sight. */
import { useEffect } from 'preact/hooks';
import { X } from 'lucide';
import { ChannelView } from '../chat/channel-view';
import { focusComposer } from '../chat/editing';
import { call, channelsById } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { togglePanel } from './hosting-acts';

export function ChatPanel() {
  const channel = channelsById.value.get(call.value.channelId);
  useEffect(() => focusComposer(call.peek().channelId), []);
  if (!channel) return null;
  return (
    <aside
      class="call-panel call-chat"
      aria-label={t.hosting.chat}
      data-testid="chat-panel"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || event.defaultPrevented) return;
        event.stopPropagation();
        togglePanel('chat');
      }}
    >
      <header class="call-panel-head">
        <h2>{t.hosting.chat}</h2>
        <IconButton icon={X} label={t.hosting.closePanel} onClick={() => togglePanel('chat')} testid="panel-close" />
      </header>
      <ChannelView channel={channel} />
    </aside>
  );
}
