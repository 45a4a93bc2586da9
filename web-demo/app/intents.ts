/** Everything a person can do on this page, each once: buttons, keys and tests all come through here. */
import { codeOf, login, logout, type CallSnapshot, type Channel, type DeviceProblem, type Message, type OutboxItem, type Ring, type Scheduled } from '../sdk/index';
import { announce, announcePresence, interrupt } from './a11y/announcer';
import { comings } from './a11y/comings';
import type { Urgent } from './a11y/queue';
import { focusComposer } from './chat/editing';
import { peopleToAsk } from './chat/mentions';
import { convene, device, tokens } from './client';
import { shortWhen } from './format';
import { permissionRow, surroundings } from './devices/permission-text';
import { guestPhase, keepStay, overBy, stay, type StayOver } from './guest/stay';
import { lastCamera, lastUsername, speakerDevice } from './prefs';
import { silenceElsewhere } from './rings/ringing';
import { go, route } from './router';
import * as store from './store';
import { nameOf, refOf, threadOpen, titleOf, type Toast } from './store';
import { t } from './strings';

const TOAST_MS = 7_000;
/** How long leaving can be undone with one click. */
export const REJOIN_MS = 60_000;
/** How long a message somebody went to is told from the others. */
const MARKED_MS = 4_000;

let toastId = 0;
export function toast(text: string, tone: Toast['tone'] = 'info', action?: Toast['action'], ms = TOAST_MS, urgent?: Urgent): number {
  const id = ++toastId;
  store.toasts.value = [...store.toasts.value.slice(-3), { id, text, tone, ...(action ? { action } : {}) }];
  if (urgent) interrupt(urgent, text);
  else announce(text);
  setTimeout(() => dismissToast(id), ms);
  return id;
}
export function dismissToast(id: number): void {
  store.toasts.value = store.toasts.value.filter((x) => x.id !== id);
}

/* Session */

export async function signIn(username: string, password: string): Promise<void> {
  const result = await login('', username, password, { device: device() });
  tokens.begin(result);
  keepStay(null);
  lastUsername.value = username;
  store.me.value = result.user;
  store.signOutReason.value = '';
  store.banned.value = null;
  store.signedIn.value = true;
  convene.start();
}

/** By the person, or with a reason because it is over already. */
export function signOut(reason = ''): void {
  endSession(!reason);
  keepStay(null);
  store.signOutReason.value = reason;
  go({ name: 'home' }, true);
}

/** Whether or not the server hears of it, this page forgets. */
export function endSession(tell: boolean): void {
  const [token, refreshToken] = [tokens.get(), tokens.getRefresh()];
  if (tell && (token || refreshToken)) logout('', refreshToken ? { refreshToken } : { token: token ?? '' }).catch(() => {});
  void convene.tail.forget(store.me.value?.id ?? tokens.user());
  convene.stop();
  tokens.clear();
  store.signedIn.value = false;
  store.everReady.value = false;
  store.restored.value = false;
  store.me.value = null;
  store.rejoin.value = null;
  store.prompts.value = [];
}

/** How the stay of a guest ended: where the link was opened, it is told. */
export function endStay(how: StayOver, tell = false): void {
  const code = stay.peek()?.code ?? '';
  endSession(tell);
  keepStay(null);
  guestPhase.value = how;
  go({ name: 'invite', code }, true);
}

export function tryConnectionNow(): void {
  convene.session.retryNow();
  if (store.inCall.value) convene.call.retry();
}

/* Conversations */

export function openChannel(channel: Channel, replace = false): void {
  go(channel.kind === 'dm' ? { name: 'dm', ref: channel.id } : { name: 'channel', ref: refOf(channel) }, replace);
}

/** To a message, wherever it is. */
export async function goToMessage(message: Message): Promise<void> {
  const channel = store.channelsById.value.get(message.channelId);
  if (!channel) return;
  try {
    // A reply is beside its root.
    const root = message.threadId ? await convene.chat.message(message.threadId) : message;
    // Before the list is there: it would load the newest page otherwise.
    await convene.chat.loadAround(root.channelId, root.seq);
    store.marked.value = message.id;
    store.jumpTo.value = { place: root.channelId, messageId: root.id };
    openChannel(channel);
    if (message.threadId) {
      await openThread(root);
      await convene.chat.loadAround(root.id, message.seq);
      store.jumpTo.value = { place: root.id, messageId: message.id };
    }
  } catch {
    toast(t.chat.loadFailed, 'error');
    return;
  }
  setTimeout(() => {
    if (store.marked.value === message.id) store.marked.value = '';
  }, MARKED_MS);
}

/** What I want to be told of a conversation. */
export async function setNotify(channel: Channel, pref: Channel['notify'], mutedUntil: string): Promise<void> {
  await convene.chat.setNotify(channel.id, pref, mutedUntil).catch(() => toast(t.notify.failed, 'error'));
}

export async function openDm(userId: string): Promise<Channel | null> {
  try {
    const channel = await convene.chat.openDm(userId);
    if (channel) openChannel(channel);
    return channel;
  } catch (error) {
    toast(t.call.joinFailed[codeOf(error)] ?? t.chat.loadFailed, 'error');
    return null;
  }
}

/** `then` happens when it is on its way: who calls many people is asked first. */
export function sendMessage(channelId: string, text: string, threadId = '', then = (): void => {}): void {
  const content = text.trim();
  if (!content) return;
  const channel = store.channelsById.value.get(channelId);
  const send = () => {
    store.askedMany.value = null;
    convene.typing.ended(channelId, true, threadId);
    void convene.drafts.sent(threadId || channelId, convene.chat.send(channelId, content, threadId));
    then();
  };
  const people = channel ? peopleToAsk(content, channel) : 0;
  if (people > 0) store.askedMany.value = { people, send };
  else send();
}

/** A message that was refused goes back to where it was written. */
export async function editUnsent(item: OutboxItem): Promise<void> {
  const place = item.threadId || item.channelId;
  const text = await convene.chat.outbox.discard(item.nonce);
  if (text) convene.drafts.restore(place, text);
  focusComposer(place);
}

/** Escape, where nothing else has used it: closes what is open beside the channel, then there is nothing unread any more. */
export function escape(): void {
  const at = route.value;
  const channel = at.name === 'channel' || at.name === 'dm' ? store.findChannel(at.ref) : undefined;
  if (!channel) return;
  if (threadOpen.value) {
    closeThread();
    focusComposer(channel.id);
    return;
  }
  if (channel.unread > 0 || channel.mentions > 0) announce(t.chat.markedRead(titleOf(channel)));
  convene.chat.markRead(channel.id);
  store.toPresent.value = { place: channel.id };
}

/** Gives the code of what went wrong, or nothing. */
export async function scheduleMessage(channelId: string, content: string, at: Date, threadId = ''): Promise<string> {
  try {
    await convene.schedule.add(channelId, content, at, threadId ? { threadId } : {});
    convene.typing.ended(channelId, true, threadId);
    toast(t.later.scheduled(shortWhen(at.getTime())));
    return '';
  } catch (error) {
    return codeOf(error);
  }
}

export async function changeScheduled(one: Scheduled, content: string, at: Date): Promise<string> {
  const moved = one.state === 'failed' || at.getTime() !== new Date(one.sendAt).getTime();
  try {
    await convene.schedule.update(one.id, { content, ...(moved ? { at } : {}) });
    return '';
  } catch (error) {
    return codeOf(error);
  }
}

export async function cancelScheduled(one: Scheduled): Promise<void> {
  await convene.schedule.cancel(one.id).catch(() => toast(t.later.cancelFailed, 'error'));
}

/** Beside its channel. */
export async function openThread(root: Message): Promise<void> {
  if (threadOpen.value !== root.id) closeThread();
  threadOpen.value = root.id;
  await convene.chat.threads.open(root).catch(() => toast(t.chat.loadFailed, 'error'));
}

/** The channel is left; a thread of the one that is entered stays. */
export function closeThreadOf(channelId: string): void {
  if (convene.chat.threads.channelOf(threadOpen.value) === channelId) closeThread();
}

export function closeThread(): void {
  if (threadOpen.value) convene.chat.threads.close(threadOpen.value);
  threadOpen.value = '';
}

export async function followThread(rootId: string, following: boolean): Promise<void> {
  await convene.chat.threads.follow(rootId, following).catch(() => toast(t.chat.markFailed, 'error'));
}

export async function editMessage(message: Message, text: string): Promise<boolean> {
  const content = text.trim();
  if (!content || content === message.content) return true;
  try {
    await convene.chat.edit(message, content);
    return true;
  } catch (error) {
    const why: Record<string, string> = { 'conflict.rev': t.chat.editConflict, 'validation.filtered': t.closed.filteredEdit };
    toast(why[codeOf(error)] ?? t.chat.editFailed, 'error');
    return false;
  }
}

export async function react(message: Message, emoji: string): Promise<void> {
  try {
    await convene.chat.react(message, emoji);
  } catch (error) {
    toast(codeOf(error) === 'limit.count' ? t.chat.tooManyReactions : t.chat.markFailed, 'error');
  }
}

export async function pin(message: Message, pinned: boolean): Promise<void> {
  try {
    await convene.chat.pin(message, pinned);
  } catch (error) {
    toast(codeOf(error) === 'limit.count' ? t.chat.tooManyPins : t.chat.markFailed, 'error');
  }
}

export async function deleteMessage(message: Message): Promise<void> {
  try {
    await convene.chat.remove(message);
  } catch {
    toast(t.chat.editFailed, 'error');
  }
}

/* Calls */

/** The phone buttons. A person rings at once; a room goes through the lobby. */
export async function startCall(channel: Channel, video: boolean): Promise<void> {
  const { call } = convene;
  if (call.state.channelId === channel.id && call.state.phase !== 'idle') return go({ name: 'call' });
  if (channel.kind !== 'dm') return go({ name: 'lobby', ref: channel.id, video });
  await enter(channel, video, () => takeSeat(channel, video));
}

/** Guests ring nobody: they take a seat, and with the first one there is a call. */
function takeSeat(channel: Channel, video: boolean): Promise<void> {
  const { call } = convene;
  const running = convene.rings.inChannel(channel.id);
  if (running) return call.join(running.callId, channel.id);
  return store.isGuest.value ? call.joinVoice(channel.id) : call.start(channel.id, video ? 'video' : 'voice');
}

export async function joinFromLobby(channel: Channel, video: boolean, listenOnly: boolean): Promise<void> {
  if (listenOnly) convene.local.release();
  else if (!convene.local.state.micTrack && convene.local.state.micProblem === 'notAsked') void convene.local.open('mic');
  go({ name: 'call' });
  await guarded(channel, () => takeSeat(channel, video));
}

export async function acceptRing(ring: Ring): Promise<void> {
  const { call, rings } = convene;
  rings.dismiss(ring.callId);
  silenceElsewhere(ring.callId);
  // The call that is left can be taken up again.
  noteRejoin();
  const channel = store.channelsById.value.get(ring.channelId);
  // The camera as last time; before there was one, as it is called.
  const video = lastCamera.value === '' ? ring.type === 'video' : lastCamera.value === 'on';
  await enter(channel, video, () => call.accept(ring.callId, ring.channelId));
}

export function declineRing(ring: Ring): void {
  silenceElsewhere(ring.callId);
  void convene.rings.decline(ring.callId).catch(() => {});
}

/** In another call: words instead. The caller is told that I am busy. */
export async function answerRingByMessage(ring: Ring): Promise<void> {
  silenceElsewhere(ring.callId);
  void convene.rings.decline(ring.callId, 'busy').catch(() => {});
  await openDm(ring.fromId);
}

async function enter(channel: Channel | undefined, video: boolean, join: () => Promise<void>, mic = true): Promise<void> {
  const { local } = convene;
  go({ name: 'call' });
  // Devices open while the seat is taken; a refusal never keeps anybody out.
  if (mic) void local.open('mic');
  if (video) void local.setCamera(true);
  await guarded(channel, join);
}

async function guarded(channel: Channel | undefined, join: () => Promise<void>): Promise<void> {
  if (store.rejoin.value?.callId !== convene.call.state.callId) store.rejoin.value = null;
  // Within the click, for browsers that start no sound later.
  convene.call.sink.start();
  void convene.call.sink.useSpeaker(speakerDevice.value);
  try {
    await join();
  } catch (error) {
    toast(t.call.joinFailed[codeOf(error)] ?? t.call.joinFailedOther, 'error');
    if (channel && route.value.name === 'call') openChannel(channel, true);
  }
}

/** One click, and for a minute one click back. */
export async function leaveCall(): Promise<void> {
  const { channelId } = convene.call.state;
  await Promise.resolve();
  noteRejoin();
  const leaving = convene.call.leave();
  backToChannel(channelId);
  await leaving;
}

/** Where I am now, for the way back. */
function noteRejoin(): void {
  const { callId, channelId } = convene.call.state;
  if (!callId || !convene.rings.active.some((c) => c.callId === callId)) return;
  const { micOn, cameraOn } = convene.local.state;
  const until = Date.now() + REJOIN_MS;
  store.rejoin.value = { callId, channelId, until, mic: micOn, camera: cameraOn };
  setTimeout(() => {
    if (store.rejoin.value?.until === until) store.rejoin.value = null;
  }, REJOIN_MS);
}

export async function rejoinCall(): Promise<void> {
  const seat = store.rejoin.value;
  if (!seat) return;
  store.rejoin.value = null;
  await enter(store.channelsById.value.get(seat.channelId), seat.camera, () => convene.call.join(seat.callId, seat.channelId), seat.mic);
}

/** The call goes on meanwhile. */
export function runConnectionTest(): void {
  go({ name: 'test' });
}

export function backToChannel(channelId: string): void {
  if (route.value.name !== 'call') return;
  const channel = store.channelsById.value.get(channelId);
  if (channel) openChannel(channel);
  else go({ name: 'home' });
}

export async function toggleMic(): Promise<void> {
  if (!store.grants.value.publish) return announce(t.guest.mayOnlyListen);
  const on = !store.local.value.micOn;
  await convene.local.setMic(on);
  const now = convene.local.state;
  if (on && now.micProblem) tellProblem('mic', now.micProblem);
  announce(now.micOn ? t.call.micOn : t.call.micOff);
}

/** The call and the lobby show it with a way out; elsewhere it is only told. */
function tellProblem(kind: 'mic' | 'camera', problem: DeviceProblem): void {
  const { text } = permissionRow(problem, kind, surroundings());
  if (route.value.name === 'call' || route.value.name === 'lobby') announce(text);
  else toast(text, 'error');
}

export async function toggleCamera(): Promise<void> {
  if (!store.grants.value.publish) return announce(t.guest.mayOnlyListen);
  const on = !store.local.value.cameraOn;
  await convene.local.setCamera(on);
  const now = convene.local.state;
  if (on && now.cameraProblem) tellProblem('camera', now.cameraProblem);
  announce(now.cameraOn ? t.call.cameraOn : t.call.cameraOff);
}

export async function toggleScreen(): Promise<void> {
  if (!store.grants.value.publish) return announce(t.guest.mayOnlyListen);
  const on = store.local.value.screenTrack === null;
  await convene.local.setScreen(on);
  const now = convene.local.state;
  if (on && now.screenProblem && now.screenProblem !== 'denied') toast(t.call.screenFailed, 'error');
  interrupt('sharing', now.screenTrack ? t.call.screenOn : t.call.screenOff);
}

export function toggleDeafen(): void {
  const deafened = !store.call.value.deafened;
  convene.call.deafen(deafened);
  announce(deafened ? t.call.deafened : t.call.undeafened);
}

/** Texts for what happens by itself. Called once at start. */
export function connectIntents(): void {
  convene.call.events.on('ended', (end) => {
    if (!end.next) backToChannel(end.channelId);
    if (end.byMe) return;
    toast(t.call.endedReason[end.reason] ?? t.call.ended);
  });
  let present: CallSnapshot['participants'] | null = null;
  convene.call.events.on('change', ({ phase, participants }) => {
    const before = present;
    present = phase === 'joined' ? participants : null;
    for (const { userId, name, came } of comings(before, present, store.me.value?.id ?? '')) {
      const who = nameOf(userId, name);
      announcePresence(came ? t.call.came(who) : t.call.went(who), participants.length);
    }
  });
  convene.call.events.on('mutedByHost', () => toast(t.call.mutedByHost, 'info', undefined, TOAST_MS, 'muted'));
  convene.rings.events.on('missed', ({ fromId, channelId }) => {
    const channel = store.channelsById.value.get(channelId);
    const name = fromId ? nameOf(fromId) : channel ? titleOf(channel) : t.someone;
    toast(t.ring.missed(name), 'info', channel ? { label: t.history.callBack(name), run: () => void startCall(channel, false) } : undefined, 20_000);
  });
  convene.schedule.events.on('failed', ({ channelId }) => {
    const channel = store.channelsById.value.get(channelId);
    toast(t.later.notice(channel ? titleOf(channel) : t.someone), 'error', channel ? { label: t.later.list, run: () => openChannel(channel) } : undefined, 20_000);
  });
  const { safety } = convene;
  safety.events.on('kicked', ({ channelId, reason }) => {
    const channel = store.channelsById.value.get(channelId);
    toast(t.moderation.youWereKicked(channel ? titleOf(channel) : t.admin.elsewhere, reason), 'error', undefined, 20_000, 'removed');
    const at = route.value;
    if (channel && (at.name === 'channel' || at.name === 'lobby') && store.findChannel(at.ref)?.id === channelId) go({ name: 'home' }, true);
  });
  safety.events.on('banned', (why) => (store.banned.value = why));
  safety.events.on('userBanned', ({ userId }) => (store.bannedUsers.value = new Set(store.bannedUsers.value).add(userId)));
  safety.events.on('report', () => {
    store.openReports.value++;
    toast(t.admin.newReport, 'info', { label: t.admin.look, run: () => go({ name: 'admin', tab: 'reports' }) });
  });
  convene.session.events.on('status', (s) => {
    if (s.phase !== 'closed') return;
    if (s.code === 'auth.banned') {
      store.banned.value ??= { reason: '', until: null };
      return signOut(t.signIn.banned);
    }
    // There is no room at the door: the same guest may try again.
    if (stay.peek() && s.code === 'limit.count') return void (guestPhase.value = 'full');
    if (stay.peek()) return endStay(overBy(s.code));
    const why = { 'session.replaced': t.signIn.replaced, 'auth.revoked': t.signIn.revoked }[s.code];
    signOut(why ?? t.signIn.expired);
  });
}
