import { t } from '../strings';

/** The name of a key by its place: `KeyV` is V on most keyboards. */
export const keyName = (code: string): string => t.devices.keys[code] ?? code.replace(/^(Key|Digit)/, '');
