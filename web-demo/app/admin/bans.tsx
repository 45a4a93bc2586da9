import { listBans } from '../../sdk/index';
import { convene } from '../client';
import { fullDate, shortWhen } from '../format';
import { unban } from '../moderation/acts';
import { bannedUsers, nameOf } from '../store';
import { t } from './texts';
import { Avatar } from '../ui/avatar';
import { Button } from '../ui/button';
import { Rows } from './rows';
import { usePages } from './use-pages';

export function Bans() {
  const list = usePages('', async (cursor) => {
    const page = await listBans(convene.session, cursor);
    bannedUsers.value = new Set([...bannedUsers.value, ...page.rows.map((one) => one.userId)]);
    return page;
  });
  // Those that were lifted here go at once.
  const rows = list.rows?.filter((one) => bannedUsers.value.has(one.userId)) ?? null;
  return (
    <Rows {...list} rows={rows} none={t.admin.noBans}>
      <ul class="lines">
        {rows?.map((one) => (
          <li key={one.userId} class="line" data-testid="ban-row" data-username={one.username}>
            <Avatar id={one.userId} name={one.name} />
            <div class="line-text">
              <span dir="auto">
                <strong>{one.name}</strong> <bdi class="meta">@{one.username}</bdi>
              </span>
              {one.reason && <span dir="auto">{one.reason}</span>}
              <span class="meta" title={one.until ? fullDate(one.until) : undefined}>
                {one.until ? t.admin.banUntil(shortWhen(one.until)) : t.admin.banForGood} · {t.admin.bannedBy(nameOf(one.by), shortWhen(one.at))}
              </span>
            </div>
            <Button aria-label={t.admin.lift(one.name)} onClick={() => void unban(one.userId, one.name)} testid="ban-lift">
              {t.person.unban}
            </Button>
          </li>
        ))}
      </ul>
    </Rows>
  );
}
