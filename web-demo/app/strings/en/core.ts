import { account } from './account';
import { base } from './base';
import { call } from './call';
import { devices } from './devices';
import { outside } from './outside';

/** English from the start. The rest comes with views of its own: `chat/texts.ts`, `admin/texts.ts`, `guest/texts.ts`, `net-test/texts.ts`. */
export const core = { ...base, ...account, ...call, ...devices, ...outside } as const;
