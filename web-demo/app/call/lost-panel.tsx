import { soundOnly } from '../devices/acts';
import { leaveCall, runConnectionTest, tryConnectionNow } from '../intents';
import { connection } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';

/** Over the stage only: chat and controls stay. It keeps trying by itself, whatever is pressed here. */
export function LostPanel() {
  const { stage, reason } = connection.value;
  if (stage !== 'stuck') return null;
  const { title, text } = t.connection.reasons[reason];
  return (
    <div class="lost-panel" role="alert" data-testid="lost-panel" data-reason={reason}>
      <div class="lost-panel-card">
        <h2>{title}</h2>
        <p>{text}</p>
        <p class="meta">
          <span class="spinner" aria-hidden="true" /> {t.connection.goesOn}
        </p>
        <div class="lost-panel-actions">
          <Button kind="primary" testid="lost-try" onClick={tryConnectionNow}>
            {t.connection.tryNow}
          </Button>
          <Button testid="lost-sound-only" onClick={() => soundOnly(true)}>
            {t.connection.soundOnly}
          </Button>
          <Button testid="lost-test" onClick={runConnectionTest}>
            {t.connection.runTest}
          </Button>
          <Button kind="danger" testid="lost-leave" onClick={() => void leaveCall()}>
            {t.call.leave}
          </Button>
        </div>
      </div>
    </div>
  );
}
