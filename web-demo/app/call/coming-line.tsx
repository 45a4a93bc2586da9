/** A line and a soft sound when somebody comes to a small call or leaves it. Screen readers are told by the announcer. */
import { signal } from '@preact/signals';
import { comings } from '../a11y/comings';
import { convene } from '../client';
import { tellComings } from '../prefs';
import { playComing } from '../rings/tone';
import { me, nameOf } from '../store';
import { t } from '../strings';
import type { CallSnapshot } from '../../sdk/index';
import { ComingLines, type Told } from './coming-lines';

const SHOWN_MS = 4_000;
/** More are a number. */
const NAMES = 3;

const shown = signal<Told | null>(null);
const lines = new ComingLines();
let before: CallSnapshot['participants'] | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let hide: ReturnType<typeof setTimeout> | undefined;

convene.call.events.on('change', ({ phase, participants, deafened }) => {
  const now = phase === 'joined' ? participants : null;
  const seen = before;
  before = now;
  if (!now) {
    lines.clear();
    shown.value = null;
    return;
  }
  if (now === seen) return;
  for (const { userId, name, came } of comings(seen, now, me.peek()?.id ?? '')) lines.note(now.length, nameOf(userId, name), came);
  tell(deafened);
});

function tell(silent: boolean): void {
  clearTimeout(timer);
  if (tellComings.peek() === 'off') return lines.clear();
  const told = lines.next(performance.now());
  if (told) {
    shown.value = told;
    if (!silent) playComing(told.came.length > 0, convene.call.sink.sinkId);
    clearTimeout(hide);
    hide = setTimeout(() => (shown.value = null), SHOWN_MS);
  }
  const due = lines.dueAt();
  if (due !== null) timer = setTimeout(() => tell(convene.call.state.deafened), Math.max(0, due - performance.now()));
}

export function ComingLine() {
  const told = shown.value;
  if (!told) return null;
  const line = (names: readonly string[], text: (names: string[], more: number) => string) => names.length > 0 && text(names.slice(0, NAMES), Math.max(0, names.length - NAMES));
  return (
    <div class="coming-line" aria-hidden="true" data-testid="coming-line" dir="auto">
      {[line(told.came, t.comings.came), line(told.went, t.comings.went)].filter(Boolean).join(' · ')}
    </div>
  );
}
