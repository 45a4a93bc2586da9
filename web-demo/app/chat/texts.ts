/** The texts of conversations come with the shell around them. */
import { withTexts } from '../strings';
import { shell } from '../strings/en/shell';

withTexts(shell);

export { t } from '../strings';
