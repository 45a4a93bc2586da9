import { useState } from 'preact/hooks';
import type { Channel } from '../../sdk/index';
import { setNotify } from '../intents';
import { desktopNotices, readReactions } from '../prefs';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';

const HOUR_MS = 3_600_000;
const PREFS = ['all', 'mentions', 'none'] as const;

/** What I want to be told of a conversation. */
export function NotifyDialog({ channel, title, onClose }: { channel: Channel; title: string; onClose: () => void }) {
  const muted = Date.parse(channel.mutedUntil) > Date.now();
  const [allowed, setAllowed] = useState(typeof Notification === 'undefined' ? 'denied' : Notification.permission);
  const ask = async () => {
    const answer = await Notification.requestPermission();
    setAllowed(answer);
    desktopNotices.value = answer === 'granted' ? 'on' : 'off';
  };
  return (
    <Dialog title={t.notify.title(title)} onClose={onClose} testid="notify">
      <fieldset class="notify-choices">
        <legend class="sr-only">{t.notify.title(title)}</legend>
        {PREFS.map((pref) => (
          <label key={pref}>
            <input
              type="radio"
              name="notify"
              checked={channel.notify === pref}
              onChange={() => void setNotify(channel, pref, channel.mutedUntil)}
              data-testid={`notify-${pref}`}
            />{' '}
            {t.notify.prefs[pref]}
          </label>
        ))}
      </fieldset>
      <p class="editor-actions">
        {muted ? (
          <Button onClick={() => void setNotify(channel, channel.notify, '')} testid="notify-unmute">
            {t.notify.unmute}
          </Button>
        ) : (
          <Button
            onClick={() => void setNotify(channel, channel.notify, new Date(Date.now() + HOUR_MS).toISOString())}
            testid="notify-mute"
          >
            {t.notify.mute}
          </Button>
        )}
        {allowed === 'default' && <Button onClick={() => void ask()}>{t.notify.desktop}</Button>}
      </p>
      {allowed === 'granted' && (
        <label class="check">
          <input
            type="checkbox"
            checked={desktopNotices.value === 'on'}
            onChange={(e) => (desktopNotices.value = e.currentTarget.checked ? 'on' : 'off')}
          />{' '}
          {t.notify.desktopOn}
        </label>
      )}
      <label class="check">
        <input type="checkbox" checked={readReactions.value === 'on'} onChange={(e) => (readReactions.value = e.currentTarget.checked ? 'on' : 'off')} />{' '}
        {t.notify.readReactions}
      </label>
    </Dialog>
  );
}
