import { MessagesSquare, Phone } from 'lucide';
import { go, route } from './router';
import { channels, isUnread } from './store';
import { t } from './strings';
import { Icon } from './ui/icon';

/** Bottom tabs of the phone layout; hidden inside a conversation, a lobby and a call. */
export function TabBar() {
  const at = route.value.name;
  if (at !== 'home' && at !== 'calls') return null;
  return (
    <nav class="tab-bar" aria-label={t.app}>
      <button type="button" class="tab" aria-current={at === 'home' ? 'page' : undefined} onClick={() => go({ name: 'home' })}>
        <Icon node={MessagesSquare} />
        {t.nav.chats}
        {channels.value.some(isUnread) && <span class="tab-dot" />}
      </button>
      <button type="button" class="tab" aria-current={at === 'calls' ? 'page' : undefined} onClick={() => go({ name: 'calls' })}>
        <Icon node={Phone} />
        {t.nav.calls}
      </button>
    </nav>
  );
}
