/** For administrators of the server: what was reported, who is banned, which words are unwanted, and who did what. */
import { useEffect, useRef } from 'preact/hooks';
import { ArrowLeft } from 'lucide';
import { isServerAdmin } from '../../sdk/index';
import { ADMIN_TABS, go, type AdminTab } from '../router';
import { me } from '../store';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { Bans } from './bans';
import { Log } from './log';
import { People } from './people';
import { Reports } from './reports';
import { Words } from './words';
import '../styles/admin.css';

const VIEWS = { reports: Reports, bans: Bans, words: Words, people: People, log: Log };

export function AdminView({ tab }: { tab: AdminTab }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${t.admin.title} · ${t.app}`;
    heading.current?.focus();
  }, []);
  const View = VIEWS[tab];
  return (
    <section class="admin" aria-labelledby="admin-title" data-testid="admin">
      <header class="view-head admin-head">
        <IconButton icon={ArrowLeft} class="phone-only flip-rtl" label={t.back} onClick={() => go({ name: 'home' })} />
        <h1 id="admin-title" class="view-title" ref={heading} tabIndex={-1}>
          {t.admin.title}
        </h1>
        <nav class="segments admin-tabs" aria-label={t.admin.title}>
          {ADMIN_TABS.map((one) => (
            <button
              key={one}
              type="button"
              class="segment"
              aria-current={one === tab ? 'page' : undefined}
              onClick={() => go({ name: 'admin', tab: one })}
              data-testid={`admin-${one}`}
            >
              {t.admin.tabs[one]}
            </button>
          ))}
        </nav>
      </header>
      <div class="admin-scroll">
        <div class="admin-body">{isServerAdmin(me.value) ? <View /> : <p class="note">{t.admin.denied}</p>}</div>
      </div>
    </section>
  );
}
