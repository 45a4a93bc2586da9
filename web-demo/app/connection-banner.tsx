import { useEffect, useRef } from 'preact/hooks';
import { interrupt } from './a11y/announcer';
import { tryConnectionNow } from './intents';
import { playCue } from './rings/tone';
import { connection, everReady, inCall } from './store';
import { t } from './strings';
import { Button } from './ui/button';

/** Says nothing for a blink, then tells the truth until the connection is back. */
export function ConnectionBanner() {
  const { stage, reason, receiving } = connection.value;
  // In a call, the header says it first, and quietly; elsewhere there is no header that could.
  const lost = everReady.value && (stage === 'lost' || stage === 'stuck' || (stage === 'reconnecting' && !inCall.value));
  const told = useRef(false);

  const text = inCall.value
    ? receiving
      ? t.connection.lostReceiving
      : t.connection.lostInCall
    : reason === 'offline'
      ? t.connection.offline
      : t.connection.lost;

  useEffect(() => {
    // A sound says that it is over only to those who heard that it began.
    if (stage === 'back' && told.current) playCue(true);
    if (stage === 'fine' || stage === 'back') told.current = false;
    if ((stage !== 'lost' && stage !== 'stuck') || !inCall.value || told.current) return;
    told.current = true;
    playCue(false);
    interrupt('lost', text);
  }, [stage]);

  if (lost) {
    return (
      <div class="banner banner-warn" role="status" data-testid="connection-banner" data-state="lost" data-stage={stage}>
        <span class="spinner" aria-hidden="true" />
        <span>{text}</span>
        <Button kind="quiet" onClick={tryConnectionNow}>
          {t.connection.tryNow}
        </Button>
      </div>
    );
  }
  if (stage === 'back' && everReady.value) {
    return (
      <div class="banner banner-ok" role="status" data-testid="connection-banner" data-state="back" data-stage={stage}>
        <span>{t.connection.back}</span>
      </div>
    );
  }
  return null;
}
