/** A host asks; nothing happens unless somebody presses the button. The focus stays where it was. */
import { useId } from 'preact/hooks';
import { Mic } from 'lucide';
import { nameOf, unmuteAsked } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { answerUnmute } from './hosting-acts';
import '../styles/hosting.css';

export function UnmutePrompt() {
  const id = useId();
  const by = unmuteAsked.value;
  if (!by) return null;
  return (
    <div
      class="unmute-prompt"
      role="dialog"
      aria-labelledby={id}
      data-testid="unmute-prompt"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        void answerUnmute(false);
      }}
    >
      <Icon node={Mic} size={20} />
      <span id={id} dir="auto">
        {t.hosting.asksYou(nameOf(by.userId, by.name))}
      </span>
      <Button kind="primary" testid="unmute-yes" onClick={() => void answerUnmute(true)}>
        {t.hosting.unmute}
      </Button>
      <Button kind="plain" testid="unmute-no" onClick={() => void answerUnmute(false)}>
        {t.hosting.notNow}
      </Button>
    </div>
  );
}
