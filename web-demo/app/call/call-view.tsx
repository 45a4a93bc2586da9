import { useEffect, useRef } from 'preact/hooks';
import { Activity, EllipsisVertical, Grid3x3, Keyboard, LayoutGrid, Link, Lock, LockOpen, Maximize, MessageSquare, Phone, PictureInPicture2, Settings2, Speech, Users } from 'lucide';
import { offerFocus } from '../a11y/focus';
import { timer } from '../format';
import { backToChannel } from '../intents';
import { mostPerPage, readCallReactions } from '../prefs';
import { togglePip } from '../pip/pip';
import { pipWay } from '../pip/way';
import { call, channelsById, connection, devicesOpen, grants, helpOpen, isGuest, nameOf, pipOpen, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { MenuButton } from '../ui/menu';
import { ask, hostsCall } from '../moderation/acts';
import { lazy } from '../ui/lazy';
import { useNow } from '../ui/use-now';
import { isPhone } from '../ui/viewport';
import { mayInvite } from '../invites/doors';
import { CopyLink } from '../invites/copy-link';
import { besideCalls } from './beside-calls';
import { CallNotices } from './call-notices';
import { ComingLine } from './coming-line';
import { callStatsOpen, cycleLayout } from './call-state';
import { Controls } from './controls';
import { HandQueue } from './hand-queue';
import { panel } from './hosting';
import { lock, togglePanel, toggleReadReactions } from './hosting-acts';
import { LostPanel } from './lost-panel';
import { ShareBar } from './share-bar';
import { Stage } from './stage';
import { StatsPanel } from './stats-panel';
import '../styles/call.css';
import '../styles/hosting.css';

const PeoplePanel = lazy(() => import('./people-panel').then((m) => m.PeoplePanel));
const ChatPanel = lazy(() => import('./chat-panel').then((m) => m.ChatPanel));

besideCalls();

export function CallView() {
  const root = useRef<HTMLElement>(null);
  const { phase, channelId, participants, locked } = call.value;
  const channel = channelsById.value.get(channelId);
  const title = channel ? titleOf(channel) : '';

  // Who may only listen has no button for a microphone.
  useEffect(() => offerFocus(root.current?.querySelector<HTMLElement>('[data-testid=control-mic], [data-testid=control-layout]')), []);

  const morePeople = mostPerPage.value === '25' ? 49 : 25;
  const fullscreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void root.current?.requestFullscreen?.().catch(() => {});
  };

  return (
    <section class="call" ref={root} aria-label={t.call.region} data-testid="call-view" data-phase={phase} data-media={call.value.media}>
      <header class="call-head">
        <a class="skip" href="#call-toolbar">
          {t.skipToToolbar}
        </a>
        <h1 class="call-title" dir="auto" tabIndex={-1}>
          {title}
        </h1>
        <CallClock />
        <button
          type="button"
          class="call-people"
          aria-label={t.hosting.people(participants.length)}
          title={`${t.hosting.people(participants.length)} (P)`}
          aria-keyshortcuts="P"
          aria-expanded={panel.value === 'people'}
          data-testid="control-people"
          onClick={() => togglePanel('people')}
        >
          <Icon node={Users} size={16} />
          {participants.length}
        </button>
        {locked && (
          <span class="call-locked" title={t.hosting.locked} data-testid="call-locked">
            <Icon node={Lock} size={15} />
            <span>{t.hosting.lockedShort}</span>
          </span>
        )}
        <HandQueue />
        <span class="call-head-space" />
        {grants.value.chat && <IconButton icon={MessageSquare} label={t.nav.chats} onClick={() => backToChannel(channelId)} testid="call-to-chat" />}
        <IconButton
          icon={Activity}
          label={t.stats.title}
          aria-pressed={callStatsOpen.value}
          onClick={() => (callStatsOpen.value = !callStatsOpen.value)}
          testid="control-stats"
        />
        {pipWay() && (
          <IconButton icon={PictureInPicture2} class="wide-only" label={t.pip.open} aria-pressed={pipOpen.value} onClick={() => void togglePip()} testid="control-pip" />
        )}
        <IconButton icon={Keyboard} class="wide-only" label={t.keys.title} onClick={() => (helpOpen.value = true)} />
        <IconButton icon={Maximize} class="wide-only" label={t.call.fullscreen} onClick={fullscreen} />
        <MenuButton
          label={t.call.more}
          class="icon-btn"
          testid="call-more"
          items={() => [
            isPhone.value && { key: 'fullscreen', label: t.call.fullscreen, icon: Maximize, run: fullscreen },
            !isPhone.value && (participants.length > 25 || morePeople === 25) && { key: 'per-page', label: t.call.perPage(morePeople), icon: Grid3x3, run: () => (mostPerPage.value = morePeople === 49 ? '49' : '25') },
            isPhone.value && pipWay() !== null && { key: 'pip', label: pipOpen.value ? t.pip.close : t.pip.open, icon: PictureInPicture2, run: () => void togglePip() },
            hostsCall() && { key: 'lock', label: locked ? t.hosting.unlock : t.hosting.lock, icon: locked ? LockOpen : Lock, run: () => void lock(!locked) },
            isPhone.value && { key: 'chat', label: t.hosting.chat, icon: MessageSquare, run: () => togglePanel('chat') },
            isPhone.value && { key: 'layout', label: t.call.layout, icon: LayoutGrid, run: cycleLayout },
            { key: 'read-reactions', label: readCallReactions.value === 'on' ? t.hosting.dontReadReactions : t.hosting.readReactions, icon: Speech, run: toggleReadReactions },
            mayInvite(channel) && { key: 'links', label: t.invites.open, icon: Link, run: () => ask({ kind: 'links', channelId }) },
            !isGuest.value && { key: 'ring', label: t.call.addPeople, icon: Phone, run: () => ask({ kind: 'ring' }) },
            { key: 'devices', label: t.devices.title, icon: Settings2, run: () => void (devicesOpen.value = true) },
          ]}
        >
          <Icon node={EllipsisVertical} />
        </MenuButton>
      </header>
      <ShareBar />
      <div class="call-body">
        <div class="stage-place">
          <Stage />
          <ComingLine />
          <CallNotices />
          <LostPanel />
        </div>
        {panel.value === 'people' && <PeoplePanel />}
        {panel.value === 'chat' && <ChatPanel />}
        {callStatsOpen.value && <StatsPanel />}
      </div>
      <Waiting />
      <Controls />
    </section>
  );
}

function CallClock() {
  const now = useNow();
  const { phase, joinedAt, media } = call.value;
  const { stage } = connection.value;
  if (phase === 'joining') return <span class="call-state">{t.call.joining}</span>;
  if (stage === 'reconnecting' || stage === 'lost' || stage === 'stuck') {
    return (
      <span class="call-state call-state-warn" role="status" data-testid="call-reconnecting">
        <span class="spinner" aria-hidden="true" />
        {t.call.reconnecting}
      </span>
    );
  }
  if (media === 'connecting') return <span class="call-state">{t.call.connecting}</span>;
  return <span class="call-clock">{timer(now - joinedAt)}</span>;
}

/** Who is being rung, or that nobody else is here. */
function Waiting() {
  const { phase, channelId, participants, invites } = call.value;
  const channel = channelsById.value.get(channelId);
  if (phase !== 'joined') return null;
  if (invites.size > 0) {
    return (
      <ul class="waiting" aria-label={t.call.ringing.ringing}>
        {[...invites].slice(0, 4).map(([userId, state]) => (
          <li key={userId} class="waiting-row" data-testid="invite" data-state={state}>
            <span class={state === 'ringing' ? 'waiting-pulse' : ''}>
              <Avatar id={userId} name={nameOf(userId)} />
            </span>
            <span>
              <strong dir="auto">{nameOf(userId)}</strong>
              <span class="meta">{t.call.ringing[state]}</span>
            </span>
          </li>
        ))}
      </ul>
    );
  }
  if (participants.length > 1) return null;
  return (
    <div class="waiting waiting-alone">
      <strong>{t.call.alone}</strong>
      <span class="meta">{t.call.aloneHint}</span>
      {channel && mayInvite(channel) && <CopyLink channelId={channel.id} />}
    </div>
  );
}
