/** Hold to talk: the key, the finger on the microphone, and everything that means that nobody holds it any more. */
import { effect } from '@preact/signals';
import { PushToTalk } from '../sdk/index';
import { convene } from './client';
import { micMode, talkKey } from './prefs';
import { inCall } from './store';

const ACTIVATED = 'button, a[href], summary, input, select, textarea, [contenteditable], [role=button], [role=menuitem], [role=tab], [role=option]';
/** The button that means the same may have the focus. */
const OWN = '[data-testid=control-mic], [data-testid=mini-mic]';

let timer: ReturnType<typeof setTimeout> | undefined;
/** Who holds the key may click meanwhile. */
let held: 'key' | 'pointer' = 'key';
const talk = new PushToTalk((on) => void convene.local.setMic(on));

const holds = (): boolean => micMode.value === 'hold' && inCall.value;

/** A finger or the mouse on the microphone. */
export function pressTalk(): void {
  press('pointer');
}

function press(by: typeof held): void {
  if (!holds()) return;
  clearTimeout(timer);
  held = by;
  talk.press();
}

function release(): void {
  talk.release(performance.now());
  const { nextAt } = talk;
  if (nextAt === null) return;
  clearTimeout(timer);
  const tick = () => {
    talk.tick(performance.now());
    // Timers may come a little early.
    if (talk.nextAt !== null) timer = setTimeout(tick, 5);
  };
  timer = setTimeout(tick, nextAt - performance.now());
}

function stop(): void {
  clearTimeout(timer);
  talk.stop();
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.code !== talkKey.value || !holds() || event.isComposing) return;
  if (event.repeat && talk.state === 'talking') return event.preventDefault();
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest(ACTIVATED) && !target.closest(OWN)) return;
  event.preventDefault();
  press('key');
}

function onKeyUp(event: KeyboardEvent): void {
  if (event.code !== talkKey.value || talk.state !== 'talking') return;
  // A button in focus is not pressed by the same key.
  event.preventDefault();
  release();
}

/** Until the returned function is called. */
export function startPushToTalk(): () => void {
  const onPointerUp = () => held === 'pointer' && release();
  const onHidden = () => document.hidden && stop();
  addEventListener('keydown', onKeyDown);
  addEventListener('keyup', onKeyUp);
  addEventListener('pointerup', onPointerUp);
  addEventListener('pointercancel', release);
  addEventListener('blur', stop);
  document.addEventListener('visibilitychange', onHidden);
  const stopMode = effect(() => {
    if (!holds()) stop();
    // Whoever chooses the mode in a call is not heard from then on.
    else void convene.local.setMic(false);
  });
  return () => {
    removeEventListener('keydown', onKeyDown);
    removeEventListener('keyup', onKeyUp);
    removeEventListener('pointerup', onPointerUp);
    removeEventListener('pointercancel', release);
    removeEventListener('blur', stop);
    document.removeEventListener('visibilitychange', onHidden);
    stopMode();
    stop();
  };
}
