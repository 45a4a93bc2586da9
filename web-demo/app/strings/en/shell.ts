import { chat } from './chat';
import { guests } from './guests';
import { hosting } from './hosting';
import { keys } from './keys';
import { moderation } from './moderation';
import { nav } from './nav';
import { network } from './network';

/** What nobody reads before the conversations are there: a guest at the door waits for none of it. */
export const shell = { ...chat, ...hosting, ...moderation, ...guests, ...keys, ...nav, ...network } as const;
