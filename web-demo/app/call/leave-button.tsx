import { useEffect, useRef, useState } from 'preact/hooks';
import { ChevronUp, PhoneOff } from 'lucide';
import { leaveCall } from '../intents';
import { endCall, hostsCall } from '../moderation/acts';
import { activeCalls, call, channelsById } from '../store';
import { t } from '../strings';
import { Icon } from '../ui/icon';

/** Long enough to read, short enough that a later press is no accident. */
const ARMED_MS = 5_000;

/** Leaving is one click. Ending it for everyone is behind the caret, and takes a second press in the same place. */
export function LeaveButton() {
  const [open, setOpen] = useState(false);
  const [armed, setArmed] = useState(false);
  const root = useRef<HTMLSpanElement>(null);
  const caret = useRef<HTMLButtonElement>(null);

  // Who hosts the call is known some time after one is in it.
  void [activeCalls.value, call.value.channelId, channelsById.value];
  const hosts = hostsCall();

  const close = () => {
    setOpen(false);
    setArmed(false);
  };
  useEffect(() => {
    if (!armed) return;
    const timer = setTimeout(() => setArmed(false), ARMED_MS);
    return () => clearTimeout(timer);
  }, [armed]);
  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      if (!(event.target instanceof Node && root.current?.contains(event.target))) close();
    };
    addEventListener('pointerdown', away);
    return () => removeEventListener('pointerdown', away);
  }, [open]);

  return (
    <span class="leave" ref={root}>
      <button
        type="button"
        class="control control-leave"
        tabIndex={-1}
        data-testid="control-leave"
        aria-label={t.call.leaveCall}
        title={t.call.leaveCall}
        onClick={() => void leaveCall()}
      >
        <Icon node={PhoneOff} size={22} />
        <span class="control-text">{t.call.leave}</span>
      </button>
      {hosts && (
        <button
          ref={caret}
          type="button"
          class="control control-leave control-caret"
          tabIndex={-1}
          data-testid="control-leave-more"
          aria-label={t.call.leaveMore}
          title={t.call.leaveMore}
          aria-haspopup="menu"
          aria-expanded={open}
          onClick={() => (open ? close() : setOpen(true))}
        >
          <Icon node={ChevronUp} size={18} />
        </button>
      )}
      {open && (
        <span
          class="leave-menu"
          role="menu"
          aria-label={t.call.leaveMore}
          onKeyDown={(event) => {
            event.stopPropagation();
            if (event.key !== 'Escape') return;
            close();
            caret.current?.focus();
          }}
        >
          <button
            ref={(element) => element?.focus()}
            type="button"
            role="menuitem"
            class="btn btn-danger"
            data-testid="menu-end-call"
            data-armed={armed}
            onClick={() => (armed ? (close(), void endCall()) : setArmed(true))}
          >
            <span aria-live="polite">{armed ? t.call.endForAllSure : t.call.endForAll}</span>
          </button>
        </span>
      )}
    </span>
  );
}
