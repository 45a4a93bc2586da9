import { useState } from 'preact/hooks';
import { auditLog, type AuditEntry } from '../../sdk/index';
import { convene } from '../client';
import { fullDate, listed, shortWhen } from '../format';
import { tell } from '../moderation/acts';
import { channelsById, nameOf, titleOf, usersById } from '../store';
import { t } from './texts';
import { Button } from '../ui/button';
import { Rows } from './rows';
import { usePages } from './use-pages';

/** Ids that this page knows are shown as names. */
const named = (id: string): string => {
  const channel = channelsById.value.get(id);
  return usersById.value.get(id)?.name ?? (channel ? titleOf(channel) : '');
};

const textOf = (value: unknown): string => (typeof value === 'string' ? named(value) || value : JSON.stringify(value));

const detailOf = (entry: AuditEntry): string =>
  listed(
    Object.entries(entry.detail ?? {})
      .filter(([, value]) => value !== null && value !== '')
      .map(([name, value]) => `${t.admin.logDetails[name] ?? name}: ${name === 'until' && typeof value === 'number' ? shortWhen(value) : textOf(value)}`),
  );

export function Log() {
  const [action, setAction] = useState('');
  const [person, setPerson] = useState('');
  const [chain, setChain] = useState<{ whole: boolean; intact: number } | null>(null);
  const list = usePages('', (cursor) => auditLog(convene.session, cursor ? { cursor } : {}));
  const check = () =>
    tell(async () => {
      setChain((await auditLog(convene.session, { verify: true })).chain);
    });
  const all = list.rows ?? [];
  const actors = [...new Set(all.map((one) => one.actor))];
  const rows = list.rows && all.filter((one) => (!action || one.action === action) && (!person || one.actor === person || one.target === person));
  return (
    <>
      <div class="log-filters">
        <label class="admin-filter">
          <span>{t.admin.logFilter}</span>
          <select value={action} onChange={(e) => setAction(e.currentTarget.value)} data-testid="log-action">
            <option value="">{t.admin.logAll}</option>
            {[...new Set(all.map((one) => one.action))].sort().map((one) => (
              <option key={one} value={one}>
                {t.admin.logActions[one] ?? one}
              </option>
            ))}
          </select>
        </label>
        <label class="admin-filter">
          <span>{t.admin.logPerson}</span>
          <select value={person} onChange={(e) => setPerson(e.currentTarget.value)} data-testid="log-person">
            <option value="">{t.admin.logEverybody}</option>
            {actors.map((one) => (
              <option key={one} value={one}>
                {nameOf(one)}
              </option>
            ))}
          </select>
        </label>
        <Button onClick={() => void check()} testid="log-verify">
          {t.admin.verify}
        </Button>
      </div>
      <p class="meta">{t.admin.logHint}</p>
      {chain && (
        <p class={`note ${chain.whole ? '' : 'note-warn'}`} role="status">
          {chain.whole ? t.admin.whole(chain.intact) : t.admin.broken(chain.intact)}
        </p>
      )}
      <Rows {...list} rows={rows} none={t.admin.noneSuch}>
        <ul class="log">
          {rows?.map((one) => (
            <li key={one.n} class="log-line" data-testid="log-line" data-action={one.action}>
              <time class="meta" dateTime={one.at} title={fullDate(one.at)}>
                {shortWhen(one.at)}
              </time>
              <div class="line-text">
                <span>
                  <strong dir="auto">{nameOf(one.actor)}</strong> {t.admin.logActions[one.action] ?? one.action}
                  {named(one.target) && <span dir="auto">: {named(one.target)}</span>}
                </span>
                <span class="meta" dir="auto">
                  {[detailOf(one), one.ip].filter(Boolean).join(' · ')}
                </span>
              </div>
            </li>
          ))}
        </ul>
      </Rows>
    </>
  );
}
