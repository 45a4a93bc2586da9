import { askedMany } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';

/** Calling many people is a question, not a slip of the finger. */
export function AskMany() {
  const asked = askedMany.value;
  if (!asked) return null;
  const close = () => (askedMany.value = null);
  return (
    <Dialog
      title={t.chat.askMany.title(asked.people)}
      onClose={close}
      testid="ask-many"
      actions={
        <>
          <Button onClick={close} testid="ask-many-back">
            {t.chat.askMany.back}
          </Button>
          <Button kind="primary" onClick={asked.send} testid="ask-many-send">
            {t.chat.askMany.send}
          </Button>
        </>
      }
    >
      <p>{t.chat.askMany.text}</p>
    </Dialog>
  );
}
