/** The number in the title of the tab, that one shares there, and notifications of the desktop where they are allowed. */
import { effect } from '@preact/signals';
import type { Notice } from '../sdk/index';
import { convene } from './client';
import { openChannel } from './intents';
import { desktopNotices } from './prefs';
import { badge, channelsById, local, nameOf, titleOf } from './store';
import { t } from './strings';

const COUNT = /^\(\d+\+?\) /;
const ICON = { calm: '/favicon.svg', live: '/favicon-live.svg' };

/** Whatever the title is, the number stands before it. Ends with the returned function. */
export function startNotices(): () => void {
  const show = () => {
    const sharing = local.value.screenTrack !== null;
    // Of several spaces the browser keeps one: a title that is never as it was set would be set for ever.
    const prefix = t.share.titlePrefix.replace(/ +/g, ' ');
    const bare = document.title.replace(prefix, '').replace(COUNT, '');
    const count = badge.value.unreadTotal;
    const title = `${sharing ? prefix : ''}${count > 0 ? `(${count > 99 ? '99+' : count}) ` : ''}${bare}`.trim();
    if (document.title !== title) document.title = title;
    const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
    const href = sharing ? ICON.live : ICON.calm;
    if (icon && icon.getAttribute('href') !== href) icon.href = href;
  };
  const stopBadge = effect(() => {
    void [badge.value, local.value.screenTrack];
    show();
  });
  // Views set the title by themselves.
  const observer = new MutationObserver(show);
  const element = document.querySelector('title');
  if (element) observer.observe(element, { childList: true });
  const off = convene.notices.events.on('notice', tell);
  return () => {
    stopBadge();
    observer.disconnect();
    off();
    document.title = document.title.replace(t.share.titlePrefix, '').replace(COUNT, '');
  };
}

function tell(notice: Notice): void {
  const looking = !document.hidden && document.hasFocus();
  if (looking || desktopNotices.value !== 'on' || typeof Notification === 'undefined' || Notification.permission !== 'granted') return;
  const channel = channelsById.value.get(notice.channelId);
  const name = nameOf(notice.senderId, notice.senderName);
  const title = notice.kind === 'direct' || !channel ? name : t.notify.from(name, titleOf(channel));
  const body = notice.kind === 'missed_call' ? t.notify.missed : notice.excerpt;
  // One for each conversation: the newest takes the place of the one before.
  const shown = new Notification(title, { body, tag: notice.channelId });
  shown.onclick = () => {
    window.focus();
    const target = channelsById.value.get(notice.channelId);
    if (target) openChannel(target);
    shown.close();
  };
}
