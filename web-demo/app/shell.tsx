/** The signed-in page: sidebar, the open view, and what stays above every view. */
import { effect } from '@preact/signals';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { followDesk } from './admin/desk';
import { convene } from './client';
import { ConnectionBanner } from './connection-banner';
import { ChannelView } from './chat/channel-view';
import { KeysDialog, startKeys } from './keys';
import { openChannel, rejoinCall } from './intents';
import { followDoors } from './invites/doors';
import { startNotices } from './notices';
import { lastChannel, pauseHidden } from './prefs';
import { startPushToTalk } from './push-to-talk';
import { RingBanner } from './rings/ring-banner';
import { go, route } from './router';
import { Sidebar } from './sidebar';
import { CallView } from './call/expected';
import { MiniCall } from './call/mini-call';
import { channels, devicesOpen, everReady, findChannel, grants, helpOpen, inCall, isGuest, knocks, people, me, pipOpen, prompts, rejoin, restored, roomChannels, searchOpen, unmuteAsked } from './store';
import { t } from './chat/texts';
import { Boundary } from './ui/boundary';
import { Button } from './ui/button';
import { Loading, lazy, lazyDialog, preloadWaiting } from './ui/lazy';
import { isPhone } from './ui/viewport';
import { TabBar } from './tab-bar';
import './styles/shell.css';
import './styles/chat.css';
import './styles/search.css';
import './styles/moderation.css';

const NetTestView = lazy(() => import('./net-test/net-test-view').then((m) => m.NetTestView));
const AdminView = lazy(() => import('./admin/admin-view').then((m) => m.AdminView));
const SearchDialog = lazyDialog(() => import('./search/search-dialog').then((m) => m.SearchDialog));
const Prompts = lazy(() => import('./moderation/prompts').then((m) => m.Prompts));
const DeviceDialog = lazy(() => import('./devices/device-dialog').then((m) => m.DeviceDialog));
const HistoryView = lazy(() => import('./history/history-view').then((m) => m.HistoryView));
const UnmutePrompt = lazy(() => import('./call/unmute-prompt').then((m) => m.UnmutePrompt));
const Lobby = lazy(() => import('./lobby/lobby').then((m) => m.Lobby));
const GuestBar = lazy(() => import('./guest/guest-room').then((m) => m.GuestBar));
const GuestRoom = lazy(() => import('./guest/guest-room').then((m) => m.GuestRoom));
const Knocks = lazy(() => import('./invites/knocks').then((m) => m.Knocks));

/** Tells the server how long nobody touched the page. */
const HEARTBEAT_MS = 60_000;

export function Shell() {
  // As soon as the page can be seen, not a frame later.
  useLayoutEffect(() => startKeys(), []);
  useEffect(() => startBackground(), []);
  useEffect(() => {
    if (everReady.value) preloadWaiting();
  }, [everReady.value]);

  const r = route.value;
  const onCall = r.name === 'call' && inCall.value;
  const wide = onCall || r.name === 'lobby';

  return (
    <div class="shell" data-route={r.name} data-in-call={inCall.value} data-guest={isGuest.value}>
      <a class="skip" href="#main">
        {t.skipToContent}
      </a>
      <ConnectionBanner />
      <RejoinBar />
      <Boundary name="rings" fallback={null}>
        <RingBanner />
      </Boundary>
      {unmuteAsked.value && (
        <Boundary name="unmute" fallback={null}>
          <UnmutePrompt />
        </Boundary>
      )}
      {knocks.value.length > 0 && (
        <Boundary name="knocks" fallback={null}>
          <Knocks />
        </Boundary>
      )}
      {isGuest.value && !wide && <GuestBar />}
      <div class="shell-columns">
        {!isPhone.value && !isGuest.value && (
          <Boundary name="sidebar">
            <Sidebar />
          </Boundary>
        )}
        <main id="main" class={wide ? 'main main-wide' : 'main'} tabIndex={-1} data-region="main">
          {(isPhone.value || isGuest.value) && inCall.value && !onCall && <MiniCall place="top" />}
          <Boundary name={r.name} key={r.name}>
            <View />
          </Boundary>
        </main>
      </div>
      {!isGuest.value && <TabBar />}
      {helpOpen.value && <KeysDialog />}
      {searchOpen.value && !isGuest.value && <SearchDialog />}
      {devicesOpen.value && <DeviceDialog />}
      {prompts.value.length > 0 && (
        <Boundary name="prompt" fallback={null}>
          <Prompts />
        </Boundary>
      )}
    </div>
  );
}

/** Leaving can be undone for a minute, wherever one went; in the call's own channel it says so itself. */
function RejoinBar() {
  const r = route.value;
  const seat = rejoin.value;
  if (!seat || inCall.value || ((r.name === 'channel' || r.name === 'dm') && findChannel(r.ref)?.id === seat.channelId)) return null;
  return (
    <div class="banner banner-calm" role="status" data-testid="rejoin-bar">
      <span>{t.call.left}</span>
      <Button kind="plain" testid="call-rejoin" onClick={() => void rejoinCall()}>
        {t.call.rejoin}
      </Button>
    </div>
  );
}

function View() {
  const r = route.value;
  if (!everReady.value && !restored.value) return <Loading />;
  // A guest has one channel, and perhaps no part in what is written there.
  if (isGuest.value && r.name !== 'test' && r.name !== 'lobby' && !(r.name === 'call' && inCall.value) && !(r.name === 'channel' && grants.value.chat)) return <GuestRoom />;
  switch (r.name) {
    case 'call':
      return inCall.value ? <CallView /> : <Home />;
    case 'calls':
      return <HistoryView />;
    case 'test':
      return <NetTestView />;
    case 'admin':
      return <AdminView tab={r.tab} />;
    case 'lobby': {
      const channel = findChannel(r.ref);
      return channel ? <Lobby channel={channel} video={r.video} /> : <Missing />;
    }
    case 'channel':
    case 'dm': {
      const channel = findChannel(r.ref);
      return channel ? <ChannelView key={channel.id} channel={channel} /> : <Missing lookFor={r.ref} key={r.ref} />;
    }
    case 'home':
      // On a phone the list itself is the home view.
      return isPhone.value ? <Sidebar /> : <Home />;
  }
}

/** Opens the conversation of last time. */
function Home() {
  useEffect(
    () =>
      effect(() => {
        if (!everReady.value && !restored.value) return;
        if (isPhone.value) return route.value.name === 'home' ? undefined : go({ name: 'home' }, true);
        const target = findChannel(lastChannel.value) ?? findChannel('general') ?? roomChannels.value[0] ?? channels.value[0];
        if (target && (route.value.name === 'home' || (route.value.name === 'call' && !inCall.value))) openChannel(target, true);
      }),
    [],
  );
  return (
    <div class="empty-main">
      <h1 class="sr-only">{t.nav.chats}</h1>
    </div>
  );
}

/** An archived channel is in no list, but it can be read. */
function Missing({ lookFor = '' }: { lookFor?: string }) {
  const [looking, setLooking] = useState(lookFor !== '');
  useEffect(() => {
    let gone = false;
    if (lookFor) {
      convene.chat.lookUp(lookFor).catch(() => {
        if (!gone) setLooking(false);
      });
    }
    return () => {
      gone = true;
    };
  }, []);
  if (looking) return <Loading />;
  return (
    <div class="empty-state">
      <h1>{t.notFound.title}</h1>
      <p>{t.notFound.text}</p>
      <Button class="phone-only" onClick={() => go({ name: 'home' })}>
        {t.back}
      </Button>
    </div>
  );
}

function startBackground(): () => void {
  let lastInput = Date.now();
  const touched = () => (lastInput = Date.now());
  const visibility = () => {
    if (!document.hidden) {
      convene.session.probe();
      // A phone call or another app may have stopped the sound.
      convene.call.sink.recheck();
    }
    look();
  };
  // A small window beside the page is looked at, wherever the page is.
  const look = () => {
    // Both are read each time: `document.hidden` tells nobody that it changed.
    const unseen = !pipOpen.value && pauseHidden.value === 'on';
    convene.call.visibility(document.hidden && unseen);
  };
  const inputs = ['pointerdown', 'keydown'] as const;
  for (const name of inputs) addEventListener(name, touched, { passive: true });
  document.addEventListener('visibilitychange', visibility);
  const heartbeat = setInterval(() => convene.presence.heartbeat(Date.now() - lastInput), HEARTBEAT_MS);
  const stopWatch = effect(() => {
    convene.presence.watch([...people.value.map((u) => u.id), ...(me.value ? [me.value.id] : [])]);
  });
  const stopPip = effect(look);
  const stopNotices = startNotices();
  const stopDoors = followDoors();
  const stopDesk = followDesk();
  const stopTalk = startPushToTalk();
  // Sound that was held back starts with the next click or key, wherever it is.
  const unblock = () => convene.call.state.soundBlocked && convene.call.sink.unblock();
  addEventListener('pointerup', unblock);
  addEventListener('keyup', unblock);
  return () => {
    for (const name of inputs) removeEventListener(name, touched);
    document.removeEventListener('visibilitychange', visibility);
    removeEventListener('pointerup', unblock);
    removeEventListener('keyup', unblock);
    clearInterval(heartbeat);
    stopWatch();
    stopPip();
    stopNotices();
    stopDoors();
    stopDesk();
    stopTalk();
  };
}
