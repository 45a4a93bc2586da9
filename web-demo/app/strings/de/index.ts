/** German. Everything English has, or it does not compile. */
import type { Catalogue } from '../../strings';
import { account } from './account';
import { admin } from './admin';
import { base } from './base';
import { call } from './call';
import { chat } from './chat';
import { devices } from './devices';
import { keys } from './keys';
import { moderation } from './moderation';

export const words: Catalogue = { ...base, ...account, ...chat, ...call, ...devices, ...moderation, ...admin, ...keys };
