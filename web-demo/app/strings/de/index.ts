/** German. Everything English has, or it does not compile. */
import type { Catalogue } from '../../strings';
import { account } from './account';
import { admin } from './admin';
import { base } from './base';
import { call } from './call';
import { chat } from './chat';
import { devices } from './devices';
import { guest } from './guest';
import { guests } from './guests';
import { hosting } from './hosting';
import { keys } from './keys';
import { moderation } from './moderation';
import { nav } from './nav';
import { netTest } from './net-test';
import { network } from './network';

export const words: Catalogue = { ...base, ...account, ...chat, ...call, ...hosting, ...network, ...devices, ...moderation, ...admin, ...guests, ...keys, ...nav, ...guest, ...netTest };
