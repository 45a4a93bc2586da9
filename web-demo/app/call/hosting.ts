/** What a call shows of hands, reactions and hosts. Runs beside the views, like the call itself. */
import { computed, effect, signal } from '@preact/signals';
import { announce, announceReaction } from '../a11y/announcer';
import { convene } from '../client';
import { toast } from '../intents';
import { readCallReactions } from '../prefs';
import { call, me, nameOf, unmuteAsked } from '../store';
import { t } from '../strings';
import { Floats, type Float } from './floats';
import { TalkTime } from './talk-time';

/** What is open beside the stage. */
export const panel = signal<'people' | 'chat' | null>(null);
export const floats = signal<readonly Float[]>([]);
export const uncounted = signal(0);
/** I have got the word, and my hand is still up. */
export const offerLower = signal(false);
/** Whom I have muted a moment ago, so that it can be taken back. */
export const justMuted = signal<ReadonlySet<string>>(new Set());

export const myHand = computed(() => placeOf(me.value?.id ?? ''));

/** In the queue, from 1; 0 without a hand up. */
export function placeOf(userId: string): number {
  return call.value.hands.indexOf(userId) + 1;
}

/** In a call one knows the others by what the call says of them. */
export function nameInCall(userId: string): string {
  return nameOf(userId, call.peek().participants.find((one) => one.userId === userId)?.name);
}

const shown = new Floats();
let floatTimer: ReturnType<typeof setTimeout> | undefined;

function settleFloats(): void {
  const now = performance.now();
  shown.poll(now);
  floats.value = shown.shown;
  uncounted.value = shown.more;
  clearTimeout(floatTimer);
  const next = shown.nextTimeout();
  if (next !== null) floatTimer = setTimeout(settleFloats, Math.max(0, next - now));
}

const talk = new TalkTime();
let talkTimer: ReturnType<typeof setTimeout> | undefined;
/** Asked once for each time a hand goes up. */
let offered = false;

function settleTalk(): void {
  const now = performance.now();
  clearTimeout(talkTimer);
  if (myHand.peek() === 0 || offered) return;
  if (talk.talked(now)) {
    offered = true;
    offerLower.value = true;
    announce(t.hosting.stillUp);
    return;
  }
  const next = talk.nextTimeout();
  if (next !== null) talkTimer = setTimeout(settleTalk, Math.max(0, next - now));
}

function start(): void {
  const { call: theCall } = convene;
  const my = (userId: string) => userId === me.peek()?.id;
  let before: readonly string[] = [];
  let seat = '';

  theCall.events.on('change', (now) => {
    // Hands that were up when I came, or came back, are no news.
    if (now.participantId !== seat) before = now.hands;
    seat = now.participantId;
    if (now.phase !== 'idle') return;
    panel.value = null;
    unmuteAsked.value = null;
    justMuted.value = new Set();
  });
  theCall.events.on('hands', ({ hands, by }) => {
    const was = before;
    before = hands;
    for (const userId of hands) {
      if (was.includes(userId)) continue;
      const place = hands.indexOf(userId) + 1;
      announce(my(userId) ? t.hosting.handUp(place) : t.hosting.raised(nameInCall(userId), place));
    }
    const mine = was.find(my);
    if (!mine || hands.includes(mine)) return;
    if (by && !my(by)) toast(t.hosting.handLowered);
    else announce(t.hosting.handDown);
  });
  theCall.events.on('reactions', ({ reactions, more }) => {
    const now = performance.now();
    shown.poll(now);
    for (const { userId, emoji, count } of reactions) {
      shown.add(now, userId, emoji, count);
      if (readCallReactions.peek() === 'on' && !my(userId)) announceReaction(t.hosting.reacted(nameInCall(userId), emoji), emoji);
    }
    shown.uncounted(now, more);
    settleFloats();
  });
  theCall.events.on('locked', ({ locked }) => announce(locked ? t.hosting.locked : t.hosting.unlocked));
  theCall.events.on('muteTakenBack', () => toast(t.hosting.muteTakenBack, 'info', undefined, undefined, 'muted'));
  theCall.events.on('unmuteAsked', (by) => {
    // Whoever is heard already needs no question.
    if (convene.local.state.micOn) return;
    unmuteAsked.value = by;
    announce(`${t.hosting.asksYou(nameOf(by.userId, by.name))}. ${t.hosting.promptKey}`);
  });
  convene.local.events.on('change', ({ micOn }) => {
    if (micOn && unmuteAsked.peek()) unmuteAsked.value = null;
  });
  theCall.levels.events.on('speaking', ({ key, speaking }) => {
    if (key !== theCall.levels.ownKey) return;
    talk.speaks(performance.now(), speaking);
    settleTalk();
  });
  let up = false;
  effect(() => {
    const now = myHand.value > 0;
    if (now === up) return;
    up = now;
    offered = false;
    offerLower.value = false;
    talk.reset();
    if (now && theCall.levels.isSpeaking(theCall.levels.ownKey)) talk.speaks(performance.now(), true);
    settleTalk();
  });
}

start();
