import { account } from './account';
import { base } from './base';
import { call } from './call';
import { chat } from './chat';
import { devices } from './devices';
import { guests } from './guests';
import { hosting } from './hosting';
import { keys } from './keys';
import { moderation } from './moderation';
import { network } from './network';
import { outside } from './outside';

/** English without what comes with views of its own: `admin/texts.ts`, `guest/texts.ts`, `net-test/texts.ts`. */
export const core = { ...base, ...account, ...chat, ...call, ...hosting, ...network, ...devices, ...moderation, ...guests, ...keys, ...outside } as const;
