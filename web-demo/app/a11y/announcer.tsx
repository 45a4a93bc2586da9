/** Two live regions for the whole page, fed by one queue so that nothing talks over itself. */
import { signal } from '@preact/signals';
import { listed } from '../format';
import { t } from '../strings';
import { AnnouncerQueue, type Urgent } from './queue';

const polite = signal('');
const assertive = signal('');
const queue = new AnnouncerQueue({
  messages: (n, where) => t.chat.announceMany(n, where),
  reactions: (n, emoji) => t.chat.announceReactions(n, emoji),
  rung: (names, state) => t.call.rung(listed(names), state),
  rungMany: (n, state) => t.call.rungMany(n, state),
});
let timer: ReturnType<typeof setTimeout> | undefined;
/** Regions that change in the same moment as the focus are not read everywhere. */
const SOON_MS = 60;

/** What has its turn. */
export function announce(text: string): void {
  queue.say(text);
  wake(SOON_MS);
}

export function announceMessage(place: string, where: string, text: string): void {
  queue.message(place, where, text, performance.now());
  wake(SOON_MS);
}

export function announceReaction(text: string, emoji: string): void {
  queue.reaction(text, emoji, performance.now());
  wake(SOON_MS);
}

export function announceRing(userId: string, name: string, state: string): void {
  queue.ring(userId, name, state, performance.now());
  wake(SOON_MS);
}

export const forgetRing = (userId: string): void => queue.forgetRing(userId);

export function announcePresence(text: string, people: number): void {
  queue.presence(text, people, performance.now());
  wake(SOON_MS);
}

/** For the few things that cannot wait. */
export function interrupt(why: Urgent, text: string): void {
  queue.interrupt(why, text);
  speak();
}

function wake(ms: number): void {
  clearTimeout(timer);
  timer = setTimeout(speak, ms);
}

function speak(): void {
  const now = performance.now();
  const said = queue.next(now);
  // The same text twice is only read again if the node changes.
  const put = (region: typeof polite, text: string) => (region.value = region.value === text ? `${text}\u00a0` : text);
  if (said.polite !== null) put(polite, said.polite);
  if (said.assertive !== null) put(assertive, said.assertive);
  if (said.at !== null) wake(Math.max(0, said.at - now));
}

export function Announcer() {
  return (
    <>
      <div class="sr-only" role="status" aria-live="polite" data-testid="announcer">
        {polite}
      </div>
      <div class="sr-only" role="alert" aria-live="assertive" data-testid="announcer-urgent">
        {assertive}
      </div>
    </>
  );
}
