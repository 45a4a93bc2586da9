/** What others learn of me: two switches of the account, the same on all my devices. */
import { useEffect, useState } from 'preact/hooks';
import type { Settings } from '../sdk/index';
import { convene } from './client';
import { toast } from './intents';
import { t } from './strings';

export function PrivacySwitches() {
  const [now, setNow] = useState(convene.settings.now);
  useEffect(() => {
    // Something may have come between the first picture and this.
    setNow(convene.settings.now);
    return convene.settings.events.on('change', setNow);
  }, []);
  const change = (wish: Partial<Settings>) => {
    setNow({ ...now, ...wish });
    convene.settings.change(wish).catch(() => {
      setNow(convene.settings.now);
      toast(t.privacy.notSaved, 'error');
    });
  };
  return (
    <>
      <label class="menu-field">
        <span>{t.privacy.readReceipts}</span>
        <input
          type="checkbox"
          checked={now.readReceipts}
          title={t.privacy.readReceiptsHint}
          onChange={(e) => change({ readReceipts: e.currentTarget.checked })}
          data-testid="read-receipts"
        />
      </label>
      <label class="menu-field">
        <span>{t.privacy.lastSeen}</span>
        <input
          type="checkbox"
          checked={now.lastSeenTo === 'shared'}
          onChange={(e) => change({ lastSeenTo: e.currentTarget.checked ? 'shared' : 'nobody' })}
          data-testid="last-seen"
        />
      </label>
    </>
  );
}
