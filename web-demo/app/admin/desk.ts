/** What waits for an administrator, and whom a menu offers to let back in. */
import { effect } from '@preact/signals';
import { countOpenReports, isServerAdmin, listBans } from '../../sdk/index';
import { convene } from '../client';
import * as store from '../store';

async function read(): Promise<void> {
  const { session } = convene;
  const [open, bans] = await Promise.all([countOpenReports(session).catch(() => 0), listBans(session).catch(() => null)]);
  store.openReports.value = open;
  if (bans) store.bannedUsers.value = new Set(bans.rows.map((one) => one.userId));
}

function forget(): void {
  store.openReports.value = 0;
  store.bannedUsers.value = new Set();
}

/** Read anew whenever the server says who I am: after every start of a session. */
export function followDesk(): () => void {
  return effect(() => {
    const user = store.me.value;
    if (store.everReady.value) void (isServerAdmin(user) ? read() : forget());
  });
}
