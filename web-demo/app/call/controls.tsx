import { useRef } from 'preact/hooks';
import { Hand, Headphones, HeadphoneOff, LayoutGrid, MessageSquare, Mic, MicOff, MonitorUp, RectangleHorizontal, ScreenShareOff, Settings2, Video, VideoOff } from 'lucide';
import type { IconNode } from 'lucide';
import { canShareScreen } from '../../sdk/index';
import { keyName } from '../devices/key-name';
import { toggleCamera, toggleDeafen, toggleMic, toggleScreen } from '../intents';
import { micMode, talkKey } from '../prefs';
import { pressTalk } from '../push-to-talk';
import { call, channelsById, devicesOpen, grants, local } from '../store';
import { t } from '../strings';
import { Icon } from '../ui/icon';
import { TalkBubble } from './call-notices';
import { cycleLayout, effectiveLayout } from './call-state';
import { myHand, panel } from './hosting';
import { toggleHand, togglePanel } from './hosting-acts';
import { LeaveButton } from './leave-button';
import { ReactButton } from './reactions';

/** One tab stop; arrows move inside (toolbar pattern). */
export function Controls() {
  const root = useRef<HTMLDivElement>(null);
  const { micOn, micProblem, micModerated, micSilent, cameraOn, cameraProblem, screenTrack } = local.value;
  const { publish } = grants.value;
  const sharing = screenTrack !== null;
  const hold = micMode.value === 'hold';
  const grid = effectiveLayout.value === 'grid';
  const unread = channelsById.value.get(call.value.channelId)?.unread ?? 0;

  const move = (event: KeyboardEvent) => {
    const buttons = [...(root.current?.querySelectorAll<HTMLButtonElement>('.control') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? buttons.length - 1 : by ? (at + by + buttons.length) % buttons.length : -1;
    const next = buttons[to];
    if (at < 0 || !next) return;
    event.preventDefault();
    for (const b of buttons) b.tabIndex = b === next ? 0 : -1;
    next.focus();
  };

  return (
    <div id="call-toolbar" class="controls" role="toolbar" tabIndex={-1} data-region="toolbar" aria-label={t.call.toolbar} ref={root} onKeyDown={move}>
      {publish && (
        <>
          <span class="control-with-bubble">
            <TalkBubble />
            <Control
              testid="control-mic"
              icon={micOn ? Mic : MicOff}
              label={t.call.mic}
              hint={hold ? t.microphone.holdKey(keyName(talkKey.value)) : undefined}
              shortcut="M"
              pressed={micOn}
              off={!micOn}
              problem={micProblem !== null || micModerated || micSilent}
              class={hold ? 'control-hold' : ''}
              onPointerDown={hold ? pressTalk : undefined}
              onClick={hold ? undefined : () => void toggleMic()}
              first
            />
          </span>
          <Control
            testid="control-camera"
            icon={cameraOn ? Video : VideoOff}
            label={t.call.camera}
            shortcut="V"
            pressed={cameraOn}
            off={!cameraOn}
            problem={cameraProblem !== null}
            onClick={() => void toggleCamera()}
          />
        </>
      )}
      {publish && canShareScreen() && (
        <Control
          testid="control-screen"
          icon={sharing ? ScreenShareOff : MonitorUp}
          label={t.call.screen}
          shortcut="S"
          pressed={sharing}
          active={sharing}
          onClick={() => void toggleScreen()}
        />
      )}
      <Control testid="control-hand" icon={Hand} label={t.hosting.hand} shortcut="H" pressed={myHand.value > 0} active={myHand.value > 0} onClick={() => void toggleHand()} />
      <ReactButton />
      <Control
        testid="control-chat"
        icon={MessageSquare}
        label={unread > 0 ? t.hosting.chatUnread(unread) : t.hosting.chat}
        shortcut="C"
        expanded={panel.value === 'chat'}
        count={unread}
        class="wide-only"
        onClick={() => togglePanel('chat')}
      />
      <Control
        testid="control-deafen"
        icon={call.value.deafened ? HeadphoneOff : Headphones}
        label={t.call.deafen}
        pressed={call.value.deafened}
        off={call.value.deafened}
        class="wide-only"
        onClick={toggleDeafen}
      />
      <Control
        testid="control-layout"
        icon={grid ? LayoutGrid : RectangleHorizontal}
        label={grid ? t.call.grid : t.call.speaker}
        shortcut="L"
        class="wide-only"
        first={!publish}
        onClick={cycleLayout}
      />
      <Control testid="control-devices" icon={Settings2} label={t.devices.open} class="wide-only" onClick={() => (devicesOpen.value = true)} />
      <LeaveButton />
    </div>
  );
}

interface ControlProps {
  testid: string;
  icon: IconNode;
  label: string;
  shortcut?: string;
  hint?: string | undefined;
  pressed?: boolean;
  off?: boolean;
  active?: boolean;
  expanded?: boolean;
  /** Of what is new behind it. */
  count?: number;
  problem?: boolean;
  first?: boolean;
  class?: string;
  onClick?: (() => void) | undefined;
  onPointerDown?: (() => void) | undefined;
}

function Control({ testid, icon, label, shortcut, hint, pressed, off, active, expanded, count = 0, problem, first, class: cls = '', onClick, onPointerDown }: ControlProps) {
  return (
    <button
      type="button"
      class={`control ${off ? 'control-off' : ''} ${active ? 'control-active' : ''} ${cls}`}
      tabIndex={first ? 0 : -1}
      aria-label={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-keyshortcuts={shortcut}
      title={hint ?? (shortcut ? `${label} (${shortcut})` : label)}
      data-testid={testid}
      onClick={onClick}
      onPointerDown={onPointerDown}
    >
      <Icon node={icon} size={22} />
      {problem && <span class="control-problem" aria-hidden="true" />}
      {count > 0 && (
        <span class="control-count" aria-hidden="true">
          {count > 99 ? '99+' : count}
        </span>
      )}
    </button>
  );
}
