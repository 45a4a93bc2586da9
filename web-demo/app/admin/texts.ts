/** The texts of the administration come with it. */
import { withTexts } from '../strings';
import { admin } from '../strings/en/admin';

withTexts(admin);

export { t } from '../strings';
