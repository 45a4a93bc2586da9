import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Archive, ArrowLeft, Bell, BellOff, EllipsisVertical, Hash, Link, Phone, Pin, Users, Video } from 'lucide';
import type { Channel } from '../../sdk/index';
import { offerFocus } from '../a11y/focus';
import { convene } from '../client';
import { mayInvite } from '../invites/doors';
import { ask } from '../moderation/acts';
import { PersonMenu, personItems } from '../moderation/person-menu';
import { closeThreadOf, startCall } from '../intents';
import { lastChannel } from '../prefs';
import { go } from '../router';
import { call, callInChannel, presenceOf, rejoin, threadOpen, threadTick, titleOf, timelineTick } from '../store';
import { rejoinCall } from '../intents';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Boundary } from '../ui/boundary';
import { Button, IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyDialog } from '../ui/lazy';
import { MenuButton } from '../ui/menu';
import { isPhone } from '../ui/viewport';
import { isMuted } from '../unread';
import { Composer } from './composer';
import { MessageList } from './message-list';
import { ThreadPanel, ThreadsButton } from './thread';
import { TypingLine } from './typing-line';

const AskMany = lazyDialog(() => import('./ask-many').then((m) => m.AskMany));
const NotifyDialog = lazyDialog(() => import('./notify').then((m) => m.NotifyDialog));
const PinsDialog = lazyDialog(() => import('./pins').then((m) => m.PinsDialog));

export function ChannelView({ channel }: { channel: Channel }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const [failed, setFailed] = useState(false);
  const title = titleOf(channel);
  void timelineTick.value[channel.id];
  const { loaded } = convene.chat.timeline(channel.id);

  const open = () => {
    setFailed(false);
    convene.chat.open(channel.id).catch(() => setFailed(true));
  };
  useEffect(() => {
    lastChannel.value = channel.id;
    open();
    return () => {
      convene.chat.close(channel.id);
      closeThreadOf(channel.id);
    };
  }, [channel.id]);
  // Elsewhere the composer takes it; here that would open the keyboard.
  useEffect(() => {
    if (isPhone.value) offerFocus(heading.current);
  }, [channel.id]);
  useEffect(() => {
    document.title = `${title} · ${t.app}`;
  }, [title]);

  const thread = convene.chat.threads.get(threadOpen.value);
  void threadTick.value;

  return (
    <div class={`channel-with-side ${thread ? 'has-side' : ''}`}>
      <section class="channel" aria-labelledby="channel-title" data-testid="channel-view" data-channel-id={channel.id}>
        <a class="skip" href="#composer">
          {t.skipToComposer}
        </a>
        <Header channel={channel} title={title} heading={heading} />
        <Rejoin channelId={channel.id} />
        {failed && !loaded ? (
          <div class="empty-state">
            <p>{t.chat.loadFailed}</p>
            <Button onClick={open}>{t.retry}</Button>
          </div>
        ) : (
          <Boundary name="messages">
            <MessageList key={channel.id} channel={channel} title={title} />
          </Boundary>
        )}
        <TypingLine channelId={channel.id} />
        <Boundary name="composer">
          <Composer key={channel.id} channel={channel} title={title} />
        </Boundary>
      </section>
      <AskMany />
      {thread?.root.channelId === channel.id && (
        <Boundary name="thread">
          <ThreadPanel key={thread.root.id} channel={channel} title={title} thread={thread} />
        </Boundary>
      )}
    </div>
  );
}

function Header({ channel, title, heading }: { channel: Channel; title: string; heading: RefObject<HTMLHeadingElement | null> }) {
  const peer = convene.chat.peerOf(channel);
  const running = callInChannel(channel.id);
  const here = call.value.phase !== 'idle' && call.value.channelId === channel.id;
  const status = peer ? presenceOf(peer) : null;
  const [pins, setPins] = useState(false);
  const [notify, setNotify] = useState(false);
  const muted = isMuted(channel, Date.now());
  const links = () => ask({ kind: 'links', channelId: channel.id });
  const members = () => ask({ kind: 'channel', channelId: channel.id });
  return (
    <header class="view-head">
      <IconButton icon={ArrowLeft} class="phone-only flip-rtl" label={t.back} onClick={() => go({ name: 'home' })} testid="back" />
      {channel.kind === 'dm' ? (
        <Avatar id={peer || channel.id} name={title} size="s" presence={status ?? 'offline'} />
      ) : (
        <Icon node={channel.archivedAt ? Archive : Hash} size={20} class="text-2" />
      )}
      <div class="view-heading">
        <h1 id="channel-title" class="view-title" ref={heading} tabIndex={-1} dir="auto">
          {title}
        </h1>
        <span class="meta view-sub" dir="auto">
          {status ? t.presence[status] : channel.topic || channel.description || (channel.memberCount > 0 ? t.chat.members(channel.memberCount) : '')}
        </span>
      </div>
      <div class="view-actions">
        <IconButton icon={Pin} class="wide-only" label={t.chat.pins} onClick={() => setPins(true)} testid="pins-open" />
        {pins && <PinsDialog channel={channel} onClose={() => setPins(false)} />}
        <IconButton
          icon={muted ? BellOff : Bell}
          class="wide-only"
          label={muted ? t.notify.muted : t.notify.open}
          onClick={() => setNotify(true)}
          testid="notify-open"
        />
        {notify && <NotifyDialog channel={channel} title={title} onClose={() => setNotify(false)} />}
        <ThreadsButton channel={channel} />
        {channel.kind === 'dm' ? (
          <PersonMenu userId={peer} name={title} more class="wide-only" testid="peer-menu">
            <Icon node={EllipsisVertical} />
          </PersonMenu>
        ) : (
          <IconButton icon={Users} class="wide-only" label={t.channel.open} onClick={members} testid="channel-open" />
        )}
        {mayInvite(channel) && <IconButton icon={Link} class="wide-only" label={t.invites.open} onClick={links} testid="links-open" />}
        <MenuButton
          label={t.channel.more}
          class="icon-btn phone-only"
          testid="channel-more"
          items={() => [
            ...(peer ? personItems({ userId: peer, name: title }).filter((item) => item && item.key !== 'message' && item.key !== 'call') : []),
            channel.kind !== 'dm' && { key: 'members', label: t.channel.open, icon: Users, run: members },
            mayInvite(channel) && { key: 'links', label: t.invites.open, icon: Link, run: links },
            { key: 'pins', label: t.chat.pins, icon: Pin, run: () => setPins(true) },
            { key: 'notify', label: muted ? t.notify.muted : t.notify.open, icon: muted ? BellOff : Bell, run: () => setNotify(true) },
          ]}
        >
          <Icon node={EllipsisVertical} />
        </MenuButton>
        {here ? (
          <Button kind="ok" icon={Phone} class="wide-only" onClick={() => go({ name: 'call' })}>
            {t.call.return}
          </Button>
        ) : running ? (
          <Button kind="ok" icon={Phone} testid="call-join" onClick={() => void startCall(channel, running.type === 'video')}>
            {running.participants.length > 0 ? t.call.joinCount(running.participants.length) : t.call.join}
          </Button>
        ) : (
          !channel.archivedAt && <>
            <IconButton icon={Phone} label={t.call.voice} onClick={() => void startCall(channel, false)} testid="call-start-voice" />
            <IconButton icon={Video} label={t.call.video} onClick={() => void startCall(channel, true)} testid="call-start-video" />
          </>
        )}
      </div>
    </header>
  );
}

/** Leaving can be undone with one click for a minute. */
function Rejoin({ channelId }: { channelId: string }) {
  if (rejoin.value?.channelId !== channelId) return null;
  return (
    <div class="note rejoin" role="status">
      <span>{t.call.left}</span>
      <Button kind="plain" testid="call-rejoin" onClick={() => void rejoinCall()}>
        {t.call.rejoin}
      </Button>
    </div>
  );
}
