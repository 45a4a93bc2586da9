import { useEffect, useRef, useState } from 'preact/hooks';
import { tryConnectionNow } from './intents';
import { call, everReady, inCall, status } from './store';
import { t } from './strings';
import { Button } from './ui/button';
import { useNow } from './ui/use-now';

const NOTICE_MS = 1_000;
const BACK_MS = 2_000;

/** Says nothing for a blink, then tells the truth until the connection is back. */
export function ConnectionBanner() {
  const now = useNow(500);
  const lostAt = Math.max(status.value.lostAt, inCall.value ? call.value.lostAt : 0);
  const lost = everReady.value && lostAt > 0 && now - lostAt >= NOTICE_MS;
  const wasLost = useRef(false);
  const [backAt, setBackAt] = useState(0);
  useEffect(() => {
    if (wasLost.current && !lost && lostAt === 0) setBackAt(Date.now());
    wasLost.current = lost;
  }, [lost]);

  if (lost) {
    const text = !navigator.onLine ? t.connection.offline : inCall.value ? t.call.lost : t.connection.lost;
    return (
      <div class="banner banner-warn" role="status" data-testid="connection-banner" data-state="lost">
        <span class="spinner" aria-hidden="true" />
        <span>{text}</span>
        <Button kind="quiet" onClick={tryConnectionNow}>
          {t.connection.tryNow}
        </Button>
      </div>
    );
  }
  if (backAt > 0 && now - backAt < BACK_MS) {
    return (
      <div class="banner banner-ok" role="status" data-testid="connection-banner" data-state="back">
        <span>{t.connection.back}</span>
      </div>
    );
  }
  return null;
}
