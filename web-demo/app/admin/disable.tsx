import { useRef } from 'preact/hooks';
import type { Account } from '../../sdk/index';
import { Ask } from '../moderation/prompts';
import { t } from './texts';
import { disable } from './acts';

/** The same name as it is shown, whoever types it. */
const same = (typed: string, username: string): boolean => typed.trim().replace(/^@/, '').toLowerCase() === username.toLowerCase();

/** Takes an account out of use, once its name was typed. */
export function Disable({ account, onClose }: { account: Account; onClose: () => void }) {
  const typed = useRef<HTMLInputElement>(null);
  const { id, name, username } = account;
  return (
    <Ask
      title={t.admin.disableTitle(name)}
      submit={t.admin.disable}
      danger
      testid="disable"
      onClose={onClose}
      run={async (data) => {
        if (!same(String(data.get('confirm') ?? ''), username)) {
          typed.current?.focus();
          return t.admin.disableMismatch(username);
        }
        return disable(id, name, String(data.get('reason') ?? '').trim());
      }}
    >
      <p>{t.admin.disableText}</p>
      <label class="field">
        <span>
          {t.admin.disableConfirm} <bdi class="typed-name">{username}</bdi>
        </span>
        <input ref={typed} name="confirm" autoFocus required autoComplete="off" autoCapitalize="none" spellcheck={false} dir="ltr" data-testid="disable-confirm" />
      </label>
      <label class="field">
        <span>{t.moderation.reason}</span>
        <input name="reason" maxLength={500} dir="auto" autoComplete="off" data-testid="reason" />
      </label>
    </Ask>
  );
}
