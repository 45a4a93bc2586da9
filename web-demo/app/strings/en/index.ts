import { account } from './account';
import { admin } from './admin';
import { base } from './base';
import { call } from './call';
import { chat } from './chat';
import { devices } from './devices';
import { guests } from './guests';
import { hosting } from './hosting';
import { keys } from './keys';
import { moderation } from './moderation';
import { network } from './network';

export const en = { ...base, ...account, ...chat, ...call, ...hosting, ...network, ...devices, ...moderation, ...admin, ...guests, ...keys } as const;
