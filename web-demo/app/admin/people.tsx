import { useEffect, useState } from 'preact/hooks';
import { EllipsisVertical } from 'lucide';
import { listAccounts } from '../../sdk/index';
import { convene } from '../client';
import { PersonMenu } from '../moderation/person-menu';
import { bannedUsers, presenceOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Icon } from '../ui/icon';
import { Rows } from './rows';
import { usePages } from './use-pages';

/** A pause this long while typing asks the server. */
const PAUSE_MS = 200;

export function People() {
  const [typed, setTyped] = useState('');
  const [q, setQ] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setQ(typed.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const list = usePages(q, (cursor) => listAccounts(convene.session, q, cursor));
  return (
    <>
      <input type="search" aria-label={t.admin.findPeople} placeholder={t.admin.findPeople} autoComplete="off" value={typed} onInput={(e) => setTyped(e.currentTarget.value)} data-testid="find-people" />
      <Rows {...list} none={t.admin.noPeople}>
        <ul class="lines">
          {list.rows?.map((one) => (
            <li key={one.id} class="line" data-testid="account" data-username={one.username}>
              <Avatar id={one.id} name={one.name} presence={presenceOf(one.id)} />
              <div class="line-text">
                <span dir="auto">{one.name}</span>
                <span class="meta">@{one.username}</span>
              </div>
              {one.role === 'admin' && <span class="tag">{t.admin.isAdmin}</span>}
              {one.kind === 'client' && <span class="tag">{t.admin.isClient}</span>}
              {!one.isActive && <span class="tag">{t.admin.inactive}</span>}
              {bannedUsers.value.has(one.id) && <span class="tag tag-warn">{t.admin.isBanned}</span>}
              <PersonMenu userId={one.id} name={one.name} account={one.role} more testid="account-menu">
                <Icon node={EllipsisVertical} size={18} />
              </PersonMenu>
            </li>
          ))}
        </ul>
      </Rows>
    </>
  );
}
