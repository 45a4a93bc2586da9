/** The texts of the connection test come with it. */
import { withTexts } from '../strings';
import { netTest } from '../strings/en/net-test';

withTexts(netTest);

export { t } from '../strings';
