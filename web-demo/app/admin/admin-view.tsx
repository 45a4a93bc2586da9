/** For administrators of the server: how it is, what goes on, what was reported, who is banned, and who did what. */
import { useEffect, useRef } from 'preact/hooks';
import { ArrowLeft } from 'lucide';
import { isServerAdmin } from '../../sdk/index';
import { offerFocus } from '../a11y/focus';
import { ADMIN_TABS, go, type AdminTab } from '../router';
import { me } from '../store';
import { t } from './texts';
import { IconButton } from '../ui/button';
import { Bans } from './bans';
import { Log } from './log';
import { Overview } from './overview';
import { People } from './people';
import { Policy } from './policy';
import { Reports } from './reports';
import { Rings } from './rings';
import { Rooms } from './rooms';
import { Words } from './words';
import '../styles/admin.css';

const VIEWS = { overview: Overview, people: People, rooms: Rooms, rings: Rings, reports: Reports, bans: Bans, words: Words, policy: Policy, log: Log };

export function AdminView({ tab }: { tab: AdminTab }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const part = useRef<HTMLHeadingElement>(null);
  const tabs = useRef<HTMLElement>(null);
  const entered = useRef(false);
  useEffect(() => {
    document.title = `${t.admin.tabs[tab]} · ${t.admin.title} · ${t.app}`;
    offerFocus(entered.current ? part.current : heading.current);
    entered.current = true;
    // On a phone there are more than fit.
    tabs.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [tab]);
  const View = VIEWS[tab];
  const admin = isServerAdmin(me.value);
  return (
    <section class="admin" aria-labelledby="admin-title" data-testid="admin" data-tab={tab}>
      <header class="view-head">
        <IconButton icon={ArrowLeft} class="phone-only flip-rtl" label={t.back} onClick={() => go({ name: 'home' })} />
        <h1 id="admin-title" class="view-title" ref={heading} tabIndex={-1}>
          {t.admin.title}
        </h1>
      </header>
      <div class="admin-columns">
        {admin && (
          <nav class="admin-tabs" aria-label={t.admin.title} ref={tabs}>
            {ADMIN_TABS.map((one) => (
              <button
                key={one}
                type="button"
                class="row"
                aria-current={one === tab ? 'page' : undefined}
                onClick={() => go({ name: 'admin', tab: one })}
                data-testid={`admin-${one}`}
              >
                <span class="row-name">{t.admin.tabs[one]}</span>
              </button>
            ))}
          </nav>
        )}
        <div class="admin-scroll">
          <div class={`admin-body ${tab === 'rooms' ? 'admin-body-wide' : ''}`}>
            <h2 class="admin-part" ref={part} tabIndex={-1}>
              {t.admin.tabs[tab]}
            </h2>
            {admin ? <View key={tab} /> : <p class="note">{t.admin.denied}</p>}
          </div>
        </div>
      </div>
    </section>
  );
}
