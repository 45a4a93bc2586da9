import { serverPolicy, type PolicySetting } from '../../sdk/index';
import { convene } from '../client';
import { go } from '../router';
import { t } from './texts';
import { Button } from '../ui/button';
import { count, span } from './numbers';
import { Rows } from './rows';
import { usePages } from './use-pages';

/** Which settings belong together, in the words of the page. Those it has no words for are shown by their names. */
const GROUPS = {
  signIn: ['auth.token_ttl', 'auth.session_ttl', 'auth.allow_unknown_users', 'auth.login_per_ip', 'auth.login_per_account', 'auth.refresh_per_ip', 'auth.failures_per_ip'],
  guests: ['auth.invites_per_ip'],
  retention: ['chat.retention_days', 'chat.deleted_grace', 'chat.edit_window'],
  filter: ['chat.filter_block', 'chat.filter_mask', 'chat.filter_flag'],
  calls: ['calls.ring_timeout', 'calls.alone_timeout', 'calls.max_duration', 'calls.grace', 'media.max_participants', 'media.audible', 'media.tcp_port', 'turn.urls'],
  limits: ['chat.rate_profile', 'chat.rate_scale', 'server.max_connections', 'server.max_connections_per_ip'],
} as const;

/** A command, the same in every language. */
const EXPORT = 'convene export';

export function valueText({ name, value }: PolicySetting): string {
  if (typeof value === 'boolean') return value ? t.admin.on : t.admin.off;
  const special = t.admin.policyValues[`${name}=${value}`];
  if (special) return special;
  const words = t.admin.policyUnits[name];
  if (typeof value === 'number') return words ? words(value, count(value)) : count(value);
  return span(value)?.text ?? value;
}

export function Policy() {
  const { rows, ...list } = usePages('', async () => ({ rows: await serverPolicy(convene.session), next: null }));
  const byName = new Map((rows ?? []).map((one) => [one.name, one]));
  const known = new Set<string>(Object.values(GROUPS).flat());
  const groups: [string, PolicySetting[]][] = Object.entries(GROUPS).map(([key, names]) => [key, names.flatMap((name) => byName.get(name) ?? [])]);
  groups.push(['other', (rows ?? []).filter((one) => !known.has(one.name))]);
  return (
    <Rows {...list} rows={rows} none={t.admin.noneSuch}>
      <p class="note">{t.admin.policyIntro}</p>
      {groups
        .filter(([, settings]) => settings.length > 0)
        .map(([key, settings]) => (
          <section key={key} aria-labelledby={`policy-${key}`} class="policy">
            <h3 id={`policy-${key}`} class="admin-title">
              {t.admin.policyGroups[key] ?? key}
            </h3>
            <dl>
              {settings.map((one) => (
                <div key={one.name} class="policy-row" data-testid="policy-row" data-name={one.name}>
                  <dt>
                    {t.admin.policy[one.name] ?? one.name}
                    <code class="meta" dir="ltr">
                      {one.name}
                    </code>
                  </dt>
                  <dd>
                    {valueText(one)}
                    {one.changed && <span class="tag">{t.admin.policyChanged}</span>}
                  </dd>
                </div>
              ))}
            </dl>
            {key === 'guests' && <p class="meta">{t.admin.policyGuests}</p>}
            {key === 'filter' && <p class="meta">{t.admin.policyFilter}</p>}
          </section>
        ))}
      {rows && (
        <section aria-labelledby="policy-more" class="policy">
          <h3 id="policy-more" class="admin-title">
            {t.admin.policyMore}
          </h3>
          <p class="admin-links">
            {(['reports', 'words', 'bans', 'log'] as const).map((tab) => (
              <Button key={tab} onClick={() => go({ name: 'admin', tab })}>
                {t.admin.tabs[tab]}
              </Button>
            ))}
          </p>
          <p class="meta">
            {t.admin.policyExport} <code dir="ltr">{EXPORT}</code>
          </p>
        </section>
      )}
    </Rows>
  );
}
