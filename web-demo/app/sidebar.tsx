import { useRef, useState } from 'preact/hooks';
import { Activity, Archive, Hash, LogOut, Monitor, MonitorSmartphone, Moon, Phone, Plus, Search, ShieldCheck, ShieldOff, Sun, Volume2 } from 'lucide';
import { useEntry } from './a11y/focus';
import { convene } from './client';
import { MiniCall } from './call/mini-call';
import { ask } from './moderation/acts';
import { openChannel, openDm, signOut, toast } from './intents';
import { theme, type Theme } from './prefs';
import { go, route } from './router';
import * as store from './store';
import { LanguageChoice } from './language-choice';
import { t } from './strings';
import { Avatar } from './ui/avatar';
import { IconButton } from './ui/button';
import { Icon, Logo } from './ui/icon';
import { isPhone } from './ui/viewport';
import { unreadMark } from './unread';
import { isServerAdmin, type Channel, type Status, type User } from '../sdk/index';
import { lazyDialog } from './ui/lazy';

const PrivacySwitches = lazyDialog(() => import('./privacy').then((m) => m.PrivacySwitches));

const NewChannelDialog = lazyDialog(() => import('./new-channel').then((m) => m.NewChannelDialog));
const SignInsDialog = lazyDialog(() => import('./sign-ins').then((m) => m.SignInsDialog));

export function Sidebar() {
  const [creating, setCreating] = useState(false);
  // On a phone it is a view of its own.
  const heading = useRef<HTMLHeadingElement>(null);
  useEntry(heading);
  return (
    <nav class="sidebar" aria-label={t.nav.sidebar} data-region="sidebar">
      <header class="sidebar-head">
        <Logo size={28} />
        {isPhone.value ? <h1 class="sidebar-title" ref={heading} tabIndex={-1}>{t.app}</h1> : <span class="sidebar-title">{t.app}</span>}
      </header>
      <div class="sidebar-scroll">
        <button type="button" class="row" onClick={() => (store.searchOpen.value = true)} data-testid="search-open">
          <Icon node={Search} size={18} />
          <span class="row-name">{t.search.title}</span>
        </button>
        <button
          type="button"
          class="row"
          aria-current={route.value.name === 'calls' ? 'page' : undefined}
          onClick={() => go({ name: 'calls' })}
          data-testid="nav-calls"
        >
          <Icon node={Phone} size={18} />
          <span class="row-name">{t.nav.calls}</span>
        </button>
        {isServerAdmin(store.me.value) && (
          <button
            type="button"
            class="row"
            aria-current={route.value.name === 'admin' ? 'page' : undefined}
            onClick={() => go({ name: 'admin', tab: store.openReports.value > 0 ? 'reports' : 'overview' })}
            data-testid="nav-admin"
          >
            <Icon node={ShieldCheck} size={18} />
            <span class="row-name">{t.admin.title}</span>
            {store.openReports.value > 0 && (
              <span class="badge" title={t.admin.openReports(store.openReports.value)}>
                <span aria-hidden="true">{Math.min(99, store.openReports.value)}</span>
                <span class="sr-only">{t.admin.openReports(store.openReports.value)}</span>
              </span>
            )}
          </button>
        )}
        <section aria-labelledby="nav-channels">
          <div class="section-head">
            <h2 id="nav-channels">{t.nav.channels}</h2>
            <IconButton icon={Plus} size={16} label={t.nav.newChannel} onClick={() => setCreating(true)} testid="channel-new" />
          </div>
          <ul>
            {store.roomChannels.value.map((c) => (
              <ChannelRow key={c.id} channel={c} />
            ))}
          </ul>
        </section>
        <section aria-labelledby="nav-dms">
          <div class="section-head">
            <h2 id="nav-dms">{t.nav.direct}</h2>
          </div>
          {store.dmChannels.value.length === 0 && <p class="section-hint">{t.nav.noDms}</p>}
          <ul>
            {store.dmChannels.value.map((c) => (
              <DmRow key={c.id} channel={c} />
            ))}
          </ul>
        </section>
        <section aria-labelledby="nav-people">
          <div class="section-head">
            <h2 id="nav-people">{t.nav.people}</h2>
          </div>
          <ul>
            {store.people.value.map((u) => (
              <PersonRow key={u.id} user={u} />
            ))}
          </ul>
        </section>
      </div>
      {!isPhone.value && store.inCall.value && route.value.name !== 'call' && <MiniCall place="sidebar" />}
      <MeCard />
      {creating && <NewChannelDialog onClose={() => setCreating(false)} />}
    </nav>
  );
}

const isOpen = (c: Channel): boolean => {
  const r = route.value;
  return (r.name === 'channel' || r.name === 'dm') && (r.ref === c.id || r.ref === c.slug);
};

function ChannelRow({ channel }: { channel: Channel }) {
  const running = store.callInChannel(channel.id);
  const unread = store.isUnread(channel) && !isOpen(channel);
  return (
    <li>
      <button
        type="button"
        class="row"
        data-unread={unread}
        aria-current={isOpen(channel) ? 'page' : undefined}
        data-testid="channel-item"
        data-channel-slug={channel.slug}
        data-channel-id={channel.id}
        onClick={() => openChannel(channel)}
      >
        <Icon node={running ? Volume2 : Hash} size={18} class={running ? 'text-ok' : ''} />
        <span class="row-name" dir="auto">
          {store.titleOf(channel)}
        </span>
        {running && running.participants.length > 0 && (
          <span class="pill pill-ok" title={t.nav.inCall(running.participants.length)}>
            {running.participants.length}
            <span class="sr-only">{t.nav.inCall(running.participants.length)}</span>
          </span>
        )}
        <Unread channel={channel} />
      </button>
    </li>
  );
}

function DmRow({ channel }: { channel: Channel }) {
  const peer = convene.chat.peerOf(channel);
  return (
    <li>
      <button
        type="button"
        class="row"
        data-unread={store.isUnread(channel) && !isOpen(channel)}
        aria-current={isOpen(channel) ? 'page' : undefined}
        data-testid="dm-item"
        data-channel-id={channel.id}
        data-username={store.usersById.value.get(peer)?.username}
        onClick={() => openChannel(channel)}
      >
        <Avatar id={peer || channel.id} name={store.titleOf(channel)} size="s" presence={store.presenceOf(peer)} />
        <span class="row-name" dir="auto">
          {store.titleOf(channel)}
        </span>
        <Unread channel={channel} />
      </button>
    </li>
  );
}

function PersonRow({ user }: { user: User }) {
  return (
    <li>
      <button
        type="button"
        class="row row-quiet"
        data-testid="person-item"
        data-username={user.username}
        data-user-id={user.id}
        title={t.nav.openDm(user.name)}
        onClick={() => void openDm(user.id)}
      >
        <Avatar id={user.id} name={user.name} size="s" presence={store.presenceOf(user.id)} />
        <span class="row-name" dir="auto">
          {user.name}
        </span>
      </button>
    </li>
  );
}

/** A number for what is for me, a dot for the rest. */
function Unread({ channel }: { channel: Channel }) {
  const { bold, count: n } = unreadMark(channel, Date.now());
  if (!bold || isOpen(channel)) return null;
  return (
    <span class={n > 0 ? 'badge' : 'unread-dot'}>
      {n > 0 && n}
      <span class="sr-only">{t.nav.unread}</span>
    </span>
  );
}

const THEMES: { value: Theme; icon: typeof Sun }[] = [
  { value: 'system', icon: Monitor },
  { value: 'light', icon: Sun },
  { value: 'dark', icon: Moon },
];
const STATUSES: Status[] = ['online', 'away', 'dnd', 'invisible'];

function MeCard() {
  const user = store.me.value;
  const [open, setOpen] = useState(false);
  const [listing, setListing] = useState(false);
  if (!user) return null;
  const setStatus = (value: Status) => {
    const before = store.ownStatus.value;
    store.ownStatus.value = value;
    convene.presence.setStatus(value).catch(() => {
      store.ownStatus.value = before;
      toast(t.connection.lost, 'error');
    });
  };
  return (
    <div
      class="me"
      onKeyDown={(e) => {
        if (e.key !== 'Escape' || !open) return;
        e.preventDefault();
        setOpen(false);
      }}
    >
      {open && (
        <div class="me-menu" id="me-menu">
          <label class="menu-field">
            <span>{t.nav.status}</span>
            <select value={store.ownStatus.value} onChange={(e) => setStatus(e.currentTarget.value as Status)}>
              {STATUSES.map((s) => (
                <option key={s} value={s}>
                  {t.presence[s]}
                </option>
              ))}
            </select>
          </label>
          <div class="menu-field">
            <span id="theme-label">{t.nav.theme}</span>
            <div class="segments" role="group" aria-labelledby="theme-label">
              {THEMES.map(({ value, icon }) => (
                <IconButton
                  key={value}
                  icon={icon}
                  size={16}
                  label={t.nav.themes[value]}
                  aria-pressed={theme.value === value}
                  onClick={() => (theme.value = value)}
                  testid={`theme-${value}`}
                />
              ))}
            </div>
          </div>
          <LanguageChoice />
          <PrivacySwitches />
          <button
            type="button"
            class="row"
            onClick={() => {
              setOpen(false);
              go({ name: 'test' });
            }}
            data-testid="open-net-test"
          >
            <Icon node={Activity} size={18} />
            <span class="row-name">{t.netTest.title}</span>
          </button>
          <button
            type="button"
            class="row"
            onClick={() => {
              setOpen(false);
              setListing(true);
            }}
            data-testid="open-sign-ins"
          >
            <Icon node={MonitorSmartphone} size={18} />
            <span class="row-name">{t.signIns.title}</span>
          </button>
          {(
            [
              ['archived', Archive, t.channel.archivedList],
              ['blocks', ShieldOff, t.person.blockedPeople],
            ] as const
          ).map(([kind, icon, label]) => (
            <button
              key={kind}
              type="button"
              class="row"
              onClick={() => {
                setOpen(false);
                ask({ kind });
              }}
              data-testid={`open-${kind}`}
            >
              <Icon node={icon} size={18} />
              <span class="row-name">{label}</span>
            </button>
          ))}
          <button type="button" class="row" onClick={() => signOut()} data-testid="sign-out">
            <Icon node={LogOut} size={18} />
            <span class="row-name">{t.nav.signOut}</span>
          </button>
        </div>
      )}
      {listing && <SignInsDialog onClose={() => setListing(false)} />}
      <button
        type="button"
        class="me-card"
        aria-expanded={open}
        aria-controls="me-menu"
        onClick={() => setOpen(!open)}
        data-testid="me-menu"
      >
        <Avatar id={user.id} name={user.name} presence={store.presenceOf(user.id)} />
        <span class="me-text">
          <span class="me-name" dir="auto">
            {user.name}
          </span>
          <span class="meta">{t.presence[store.ownStatus.value]}</span>
        </span>
        <span class="sr-only">{t.nav.menu}</span>
      </button>
    </div>
  );
}
