import { useEffect, useState } from 'preact/hooks';
import { EllipsisVertical } from 'lucide';
import { listAccounts, listBans, mayBan, type Account } from '../../sdk/index';
import { convene } from '../client';
import { PersonMenu } from '../moderation/person-menu';
import { bannedUsers, me, presenceOf } from '../store';
import { t } from './texts';
import { Avatar } from '../ui/avatar';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { enable } from './acts';
import { Disable } from './disable';
import { Rows } from './rows';
import { usePages } from './use-pages';

/** A pause this long while typing asks the server. */
const PAUSE_MS = 200;

export function People() {
  const [typed, setTyped] = useState('');
  const [q, setQ] = useState('');
  const [disabling, setDisabling] = useState<Account | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setQ(typed.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  // Accounts do not say whether they are banned.
  useEffect(() => {
    listBans(convene.session).then(
      ({ rows }) => (bannedUsers.value = new Set([...bannedUsers.value, ...rows.map((one) => one.userId)])),
      () => {},
    );
  }, []);
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
                <bdi class="meta">@{one.username}</bdi>
              </div>
              {one.role === 'admin' && <span class="tag">{t.admin.isAdmin}</span>}
              {one.kind === 'client' && <span class="tag">{t.admin.isClient}</span>}
              {!one.isActive && <span class="tag">{t.admin.inactive}</span>}
              {bannedUsers.value.has(one.id) && <span class="tag tag-warn">{t.admin.isBanned}</span>}
              {mayBan(me.value, { userId: one.id, account: one.role }) &&
                (bannedUsers.value.has(one.id) ? (
                  <Button aria-label={t.admin.enableWho(one.name)} onClick={() => void enable(one.id, one.name)} testid="account-enable">
                    {t.admin.enable}
                  </Button>
                ) : (
                  <Button aria-label={t.admin.disableWho(one.name)} onClick={() => setDisabling(one)} testid="account-disable">
                    {t.admin.disableAsk}
                  </Button>
                ))}
              <PersonMenu userId={one.id} name={one.name} account={one.role} more testid="account-menu">
                <Icon node={EllipsisVertical} size={18} />
              </PersonMenu>
            </li>
          ))}
        </ul>
      </Rows>
      {disabling && <Disable account={disabling} onClose={() => setDisabling(null)} />}
    </>
  );
}
