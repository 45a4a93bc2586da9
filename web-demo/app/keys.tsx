/** Keyboard: one listener, single letters only while nobody types. */
import * as intents from './intents';

import { goToRegion, rememberRegions } from './a11y/regions';
import { sayWhoSpeaks } from './call/acts';
import { callStatsOpen, cycleLayout } from './call/call-state';
import { keyName } from './devices/key-name';
import { talkKey } from './prefs';
import { dmChannels, helpOpen, inCall, isUnread, knocks, rings, roomChannels, searchOpen, unmuteAsked } from './store';
import { route } from './router';
import { t } from './strings';
import { Dialog } from './ui/dialog';
import { step } from './unread';

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** There with every call; not before. */
const hosting = () => import('./call/hosting-acts');

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

export function startKeys(): () => void {
  addEventListener('keydown', onKey);
  const forget = rememberRegions();
  return () => {
    removeEventListener('keydown', onKey);
    forget();
  };
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const command = isMac ? event.metaKey : event.ctrlKey;
  if (inCall.value && command && !event.altKey && !event.shiftKey) {
    if (event.code === 'KeyD') return run(event, intents.toggleMic);
    if (event.code === 'KeyE') return run(event, intents.toggleCamera);
  }
  if (event.key === 'F6' && !command && !event.altKey) {
    if (goToRegion(event.shiftKey ? -1 : 1)) event.preventDefault();
    return;
  }
  if (event.key === 'F8' && (rings.value.length > 0 || unmuteAsked.value)) {
    return run(event, () => document.querySelector<HTMLElement>('[data-testid=ring-accept], [data-testid=unmute-yes]')?.focus());
  }
  if (event.key === 'F8' && knocks.value.length > 0) {
    return run(event, () => document.querySelector<HTMLElement>('[data-testid=knock-admit]')?.focus());
  }
  if (event.altKey && !command && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
    return run(event, () => go(event.key === 'ArrowDown' ? 1 : -1, event.shiftKey));
  }
  if (command && !event.altKey && !event.shiftKey && event.code === 'KeyK' && !document.querySelector('dialog[open]')) {
    return run(event, () => (searchOpen.value = true));
  }
  if (event.key === 'Escape' && !command && !event.altKey && !document.querySelector('dialog[open]')) return run(event, intents.escape);
  if (command || event.altKey || isTyping(event.target) || document.querySelector('dialog[open]')) return;
  if (event.key === '/') return run(event, () => (searchOpen.value = true));
  if (event.key === '?') return run(event, () => (helpOpen.value = true));
  if (!inCall.value || event.repeat || event.shiftKey) return;
  switch (event.key.toLowerCase()) {
    case 'm':
      return run(event, intents.toggleMic);
    case 'v':
      return run(event, intents.toggleCamera);
    case 's':
      return run(event, intents.toggleScreen);
    case 'l':
      return run(event, cycleLayout);
    case 'i':
      return run(event, () => (callStatsOpen.value = !callStatsOpen.value));
    case 'w':
      return run(event, sayWhoSpeaks);
    case 'h':
      return run(event, async () => (await hosting()).toggleHand());
    case 'p':
    case 'c': {
      const which = event.key.toLowerCase() === 'p' ? 'people' : 'chat';
      if (route.value.name === 'call') return run(event, async () => (await hosting()).togglePanel(which));
    }
  }
}

function run(event: Event, action: () => unknown): void {
  event.preventDefault();
  void action();
}

/** In the order of the sidebar. */
function go(by: 1 | -1, onlyUnread: boolean): void {
  const all = [...roomChannels.value, ...dmChannels.value];
  const r = route.value;
  const at = all.findIndex((c) => (r.name === 'channel' || r.name === 'dm') && (c.id === r.ref || c.slug === r.ref));
  const next = step(all, at, by, onlyUnread ? isUnread : undefined);
  if (next) intents.openChannel(next);
}

export function KeysDialog() {
  const mod = isMac ? '⌘' : 'Ctrl';
  const rows = (list: readonly (readonly [string[], string])[]) =>
    list.map(([keys, text]) => (
      <div class="keys-row" key={keys.join(' ')}>
        <dt>
          {keys.map((k) => (
            <kbd key={k}>{k}</kbd>
          ))}
        </dt>
        <dd>{text}</dd>
      </div>
    ));
  return (
    <Dialog title={t.keys.title} onClose={() => (helpOpen.value = false)} testid="keys-dialog">
      <h3>{t.keys.inCall}</h3>
      <dl class="keys">
        {rows([
          [['M'], t.keys.mic],
          [[keyName(talkKey.value)], t.keys.talk],
          [['V'], t.keys.camera],
          [['S'], t.keys.screen],
          [['L'], t.keys.layout],
          [['I'], t.keys.stats],
          [['H'], t.keys.hand],
          [['P'], t.keys.people],
          [['C'], t.keys.chat],
          [['W'], t.keys.who],
          [['Enter'], t.keys.pin],
          [['← ↑ → ↓'], t.keys.tiles],
          [['Shift', 'F10'], t.keys.tileMenu],
          [[mod, 'D'], t.keys.whileTyping(t.keys.mic)],
          [[mod, 'E'], t.keys.whileTyping(t.keys.camera)],
        ])}
      </dl>
      <h3>{t.keys.everywhere}</h3>
      <dl class="keys">
        {rows([
          [[mod, 'K'], t.keys.switcher],
          [['/'], t.search.title],
          [['F6'], t.keys.regions],
          [['F8'], t.keys.ring],
          [['Alt', '↑ ↓'], t.keys.switchChannel],
          [['Alt', 'Shift', '↑ ↓'], t.keys.switchUnread],
          [['Esc'], t.keys.escape],
          [['↑ ↓'], t.keys.rows],
          [['Enter'], t.keys.sendKey],
          [['Shift', 'Enter'], t.keys.newline],
          [['↑'], t.keys.editLast],
          [['?'], t.keys.help],
        ])}
      </dl>
    </Dialog>
  );
}
