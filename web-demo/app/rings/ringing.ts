/** The sound of a ring and what stands for it where there is none. One tab of a person rings; all of them show it. */
import { computed, effect, signal } from '@preact/signals';
import { TabLeader } from '../../sdk/index';
import { convene } from '../client';
import { desktopNotices, ringDevice } from '../prefs';
import { inCall, nameOf, rings } from '../store';
import { t } from '../strings';
import { retryTone, startTone, stopTone, toneBlocked, toneSounds } from './tone';

/** `silence`: answered or refused in another tab. `hush`: this person is in a call there, so it only shows here. */
type Word = { silence: string } | { hush: string };
export type RingSound = 'none' | 'sounding' | 'blocked';

/** What this tab does about the ring. */
export const ringSound = signal<RingSound>('none');

const TICK_MS = 200;
const FLASH_MS = 1_000;

/** The same object for as long as it rings, whatever else changes. */
const current = computed(() => rings.value[0]);

let tabs: TabLeader<Word> | null = null;
const hushed = new Set<string>();

/** Answered or refused here: the other tabs need not wait for the server. */
export function silenceElsewhere(callId: string): void {
  tabs?.say({ silence: callId });
}

/** Until the returned function is called. */
export function startRinging(userId: string): () => void {
  const leader = new TabLeader<Word>(`convene-ring-${userId}`);
  tabs = leader;
  leader.events.on('word', (word) => {
    if ('silence' in word) convene.rings.dismiss(word.silence);
    else hushed.add(word.hush);
  });
  const stop = effect(() => {
    const ring = current.value;
    const quiet = inCall.value;
    if (!ring) return;
    return ringOnce(leader, ring.callId, t.ring.title(nameOf(ring.fromId, ring.fromName)), quiet);
  });
  addEventListener('pointerdown', retryTone);
  addEventListener('keydown', retryTone);
  return () => {
    removeEventListener('pointerdown', retryTone);
    removeEventListener('keydown', retryTone);
    stop();
    leader.close();
    tabs = null;
  };
}

function ringOnce(leader: TabLeader<Word>, callId: string, title: string, quiet: boolean): () => void {
  if (quiet) leader.say({ hush: callId });
  const before = document.title;
  const notice = notify(callId, title);
  const began = Date.now();
  let yielded = false;
  const tick = () => {
    const loud = leader.leads && !quiet && !hushed.has(callId);
    if (loud) startTone(ringDevice.value);
    else stopTone();
    ringSound.value = !loud ? 'none' : toneSounds() ? 'sounding' : toneBlocked() ? 'blocked' : 'none';
    const blocked = ringSound.value === 'blocked';
    // Another tab may be allowed what this one is not; if none is, the lead comes back.
    if (blocked && !yielded && Date.now() - began > FLASH_MS) {
      yielded = true;
      leader.yield();
    }
    // What cannot be heard has to move.
    const shown = blocked && Math.floor((Date.now() - began) / FLASH_MS) % 2 === 1 ? t.app : title;
    if (!document.title.endsWith(shown)) document.title = shown;
  };
  tick();
  const timer = setInterval(tick, TICK_MS);
  void setBadge(1);
  return () => {
    clearInterval(timer);
    stopTone();
    ringSound.value = 'none';
    hushed.delete(callId);
    document.title = before;
    notice?.close();
    void setBadge(0);
  };
}

function notify(callId: string, title: string): Notification | null {
  const looking = !document.hidden && document.hasFocus();
  if (looking || desktopNotices.value !== 'on' || typeof Notification === 'undefined' || Notification.permission !== 'granted') return null;
  // The same ring in several tabs is one notification.
  const notice = new Notification(title, { tag: callId });
  notice.onclick = () => window.focus();
  return notice;
}

async function setBadge(count: number): Promise<void> {
  const badge = navigator as Navigator & { setAppBadge?: (n: number) => Promise<void>; clearAppBadge?: () => Promise<void> };
  await (count > 0 ? badge.setAppBadge?.(count) : badge.clearAppBadge?.())?.catch(() => {});
}
