import { Hand } from 'lucide';
import { call } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { nameInCall, offerLower, panel } from './hosting';
import { toggleHand, togglePanel } from './hosting-acts';

const NAMED = 3;

/** Who waits for the word, in order; a press shows all of them. */
export function HandQueue() {
  const { hands } = call.value;
  if (hands.length === 0) return null;
  return (
    <button
      type="button"
      class="hand-queue"
      data-testid="hand-queue"
      aria-expanded={panel.value === 'people'}
      onClick={() => togglePanel('people')}
    >
      <Icon node={Hand} size={16} />
      <span class="hand-queue-count" aria-hidden="true">
        {hands.length}
      </span>
      <span class="hand-queue-names" dir="auto">{t.hosting.hands(hands.slice(0, NAMED).map(nameInCall), Math.max(0, hands.length - NAMED))}</span>
    </button>
  );
}

/** Whoever speaks has got the word; the hand is put down by nobody else. */
export function OfferLower() {
  if (!offerLower.value) return null;
  return (
    <div class="share-bar" role="status" data-testid="offer-lower">
      <Icon node={Hand} size={18} />
      <span>{t.hosting.stillUp}</span>
      <Button kind="primary" testid="offer-lower-yes" onClick={() => void toggleHand()}>
        {t.hosting.lowerHand}
      </Button>
      <Button kind="quiet" testid="offer-lower-no" onClick={() => (offerLower.value = false)}>
        {t.hosting.keepUp}
      </Button>
    </div>
  );
}
