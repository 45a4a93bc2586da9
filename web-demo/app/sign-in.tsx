import { useRef, useState } from 'preact/hooks';
import { Eye, EyeOff } from 'lucide';
import { codeOf, ConveneError } from '../sdk/errors';
import { signOutReason } from './door';
import { lastUsername } from './prefs';
import { t } from './strings';
import { Button, IconButton } from './ui/button';
import { Logo } from './ui/icon';
import { lazy } from './ui/lazy';

/** Comes by itself, with the texts for guests: who signs in does not wait for it. */
const MeetingLink = lazy(() => import('./guest/meeting-link').then((m) => m.MeetingLink), true);

const text = (code: string): string => {
  if (code === 'auth.banned') return t.signIn.banned;
  if (code.startsWith('auth.') || code === 'perm.denied' || code.startsWith('not_found')) return t.signIn.wrong;
  if (code === 'client.offline') return t.signIn.offline;
  if (code === 'limit.rate') return t.signIn.limited;
  return t.signIn.other(code);
};

/** With the rest of the page, which comes while somebody types. */
const load = () => import('./intents').catch(() => Promise.reject(new ConveneError('client.offline', '')));

/** `hint`: what one signs in for. */
export function SignIn({ hint = '' }: { hint?: string }) {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const [shown, setShown] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (!form.current || busy) return;
    const data = new FormData(form.current);
    const username = String(data.get('username') ?? '').trim();
    const password = String(data.get('password') ?? '');
    if (!username || !password) return setError(t.signIn.required);
    setBusy(true);
    setError('');
    try {
      const { signIn } = await load();
      await signIn(username, password);
    } catch (failure) {
      setError(text(codeOf(failure)));
      setBusy(false);
      form.current?.querySelector<HTMLInputElement>('[name=password]')?.select();
    }
  };

  return (
    <main class="signin">
      <div class="signin-card">
        <form class="signin-form" ref={form} onSubmit={(e) => void submit(e)} noValidate aria-labelledby="signin-title">
          <div class="signin-brand">
            <Logo size={44} />
            <div>
              <p class="signin-name">{t.app}</p>
              <p class="signin-tagline">{t.tagline}</p>
            </div>
          </div>
          <h1 id="signin-title">{t.signIn.title}</h1>
          {(signOutReason.value || hint) && !error && <p class="note">{signOutReason.value || hint}</p>}
          <label class="field">
            <span>{t.signIn.username}</span>
            <input
              name="username"
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              required
              autoFocus={lastUsername.value === ''}
              defaultValue={lastUsername.value}
              aria-invalid={error !== ''}
              aria-describedby={error ? 'signin-error' : undefined}
              data-testid="signin-username"
            />
          </label>
          <label class="field">
            <span>{t.signIn.password}</span>
            <span class="field-with-button">
              <input
                name="password"
                type={(shown ? 'text' : 'password') as 'password'}
                autocomplete="current-password"
                required
                autoFocus={lastUsername.value !== ''}
                aria-invalid={error !== ''}
                aria-describedby={error ? 'signin-error' : undefined}
                data-testid="signin-password"
              />
              <IconButton icon={shown ? EyeOff : Eye} label={t.signIn.showPassword} aria-pressed={shown} onClick={() => setShown(!shown)} />
            </span>
          </label>
          <p class="form-error" id="signin-error" role="alert">
            {error}
          </p>
          <Button kind="primary" type="submit" class="btn-wide" testid="signin-submit" aria-disabled={busy}>
            {busy ? t.signIn.busy : t.signIn.submit}
          </Button>
        </form>
        <div class="signin-link">
          <MeetingLink />
        </div>
      </div>
    </main>
  );
}
