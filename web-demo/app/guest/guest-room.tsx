/** What a guest has instead of a list of conversations: its one channel, and the way out. */
import { useEffect, useRef } from 'preact/hooks';
import { endStay, openChannel, rejoinCall } from '../intents';
import { go, route } from '../router';
import { callInChannel, channels, grants, inCall, me, nameOf, rejoin, titleOf } from '../store';
import { t } from './texts';
import { Button } from '../ui/button';
import '../styles/guest.css';

export function GuestBar() {
  return (
    <div class="guest-bar" data-testid="guest-bar">
      <span dir="auto">{t.guest.here(me.value?.name ?? '')}</span>
      <Button kind="quiet" onClick={() => endStay('left', true)} testid="guest-leave">
        {t.guest.leave}
      </Button>
    </div>
  );
}

export function GuestRoom() {
  const heading = useRef<HTMLHeadingElement>(null);
  const channel = channels.value[0];
  const at = route.value.name;

  // Loaded again in a call: the door of the call comes first, and nobody is heard before they press.
  const toLobby = channel && at === 'call' && !inCall.value && !rejoin.value;
  const toChat = channel && !toLobby && grants.value.chat;
  useEffect(() => {
    if (toLobby) go({ name: 'lobby', ref: channel.id, video: false }, true);
    else if (toChat) openChannel(channel, true);
    else heading.current?.focus();
  }, [toLobby, toChat]);
  if (toLobby || toChat) return null;

  if (!channel) {
    return (
      <section class="guest-card" data-testid="guest-removed">
        <h1 ref={heading} tabIndex={-1}>
          {t.guest.removed}
        </h1>
        <Button onClick={() => endStay('left', true)}>{t.guest.leave}</Button>
      </section>
    );
  }
  const running = callInChannel(channel.id);
  const names = (running?.participants ?? []).map((one) => nameOf(one.userId, one.name));
  return (
    <section class="guest-card" aria-labelledby="guest-room" data-testid="guest-room">
      <h1 id="guest-room" ref={heading} tabIndex={-1} dir="auto">
        {titleOf(channel)}
      </h1>
      {rejoin.value && <p role="status">{t.call.left}</p>}
      <p class="meta">{names.length > 0 ? t.lobby.inside(names.slice(0, 3), Math.max(0, names.length - 3)) : t.lobby.nobody}</p>
      {rejoin.value ? (
        <Button kind="primary" class="btn-large" onClick={() => void rejoinCall()} testid="call-rejoin">
          {t.call.rejoin}
        </Button>
      ) : (
        <Button kind="primary" class="btn-large" onClick={() => go({ name: 'lobby', ref: channel.id, video: false })} testid="guest-to-lobby">
          {t.guest.toCall}
        </Button>
      )}
    </section>
  );
}
