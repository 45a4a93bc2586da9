/** The texts for guests come with their views. */
import { withTexts } from '../strings';
import { guest } from '../strings/en/guest';

withTexts(guest);

export { t } from '../strings';
