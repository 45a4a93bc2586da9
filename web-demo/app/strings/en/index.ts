import { account } from './account';
import { admin } from './admin';
import { base } from './base';
import { call } from './call';
import { chat } from './chat';
import { devices } from './devices';
import { keys } from './keys';
import { moderation } from './moderation';

export const en = { ...base, ...account, ...chat, ...call, ...devices, ...moderation, ...admin, ...keys } as const;
