/** Two live regions for the whole page, fed by one queue so that nothing talks over itself. */
import { signal } from '@preact/signals';

const polite = signal('');
const assertive = signal('');
const queue: string[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** Screen readers drop texts that follow each other faster than this. */
const GAP_MS = 900;
const MAX_QUEUED = 5;

export function announce(text: string): void {
  if (queue.length >= MAX_QUEUED) queue.shift();
  queue.push(text);
  timer ??= setTimeout(next, 60);
}

function next(): void {
  const text = queue.shift();
  timer = undefined;
  if (text === undefined) return;
  // The same text twice is only read again if the node changes.
  polite.value = polite.value === text ? `${text}\u00a0` : text;
  timer = setTimeout(next, GAP_MS);
}

/** For what cannot wait: a ring, a lost connection. */
export function interrupt(text: string): void {
  assertive.value = assertive.value === text ? `${text}\u00a0` : text;
}

export function Announcer() {
  return (
    <>
      <div class="sr-only" role="status" aria-live="polite" data-testid="announcer">
        {polite}
      </div>
      <div class="sr-only" role="alert" aria-live="assertive">
        {assertive}
      </div>
    </>
  );
}
