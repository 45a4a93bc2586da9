/** Every text of the page, in one typed catalogue. Values with numbers are functions; plurals go through Intl. */
import { account } from './strings/en/account';
import { admin } from './strings/en/admin';
import { base } from './strings/en/base';
import { call } from './strings/en/call';
import { chat } from './strings/en/chat';
import { devices } from './strings/en/devices';
import { guests } from './strings/en/guests';
import { hosting } from './strings/en/hosting';
import { keys } from './strings/en/keys';
import { moderation } from './strings/en/moderation';
import { network } from './strings/en/network';

export const t = { ...base, ...account, ...chat, ...call, ...hosting, ...network, ...devices, ...moderation, ...admin, ...guests, ...keys } as const;
