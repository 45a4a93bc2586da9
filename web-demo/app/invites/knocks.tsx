/** Guests at the door. It lies over the view, takes the focus from nobody, and goes when anybody has decided. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { codeOf } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { toast } from '../intents';
import { errorText } from '../moderation/acts';
import { knocks } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button } from '../ui/button';
import { whereOf } from './doors';
import '../styles/invites.css';

export function Knocks() {
  const root = useRef<HTMLElement>(null);
  const [busy, setBusy] = useState('');
  const one = knocks.value[0];
  const userId = one?.guest.userId ?? '';

  // The focus does not fall into nothing when the last one is decided.
  useEffect(
    () => () => {
      if (root.current?.contains(document.activeElement)) document.getElementById('main')?.focus();
    },
    [],
  );
  if (!one) return null;
  const { name } = one.guest;
  const decide = async (admit: boolean) => {
    if (busy === userId) return;
    setBusy(userId);
    try {
      await convene.knocks.decide(one, admit);
    } catch (error) {
      const code = codeOf(error);
      if (/^(not_found|conflict)\./.test(code)) announce(t.invites.decided(name));
      else toast(errorText(code), 'error');
    }
    setBusy('');
  };
  return (
    <section class="knock" ref={root} aria-label={t.invites.knocks} data-testid="knocks" data-count={knocks.value.length}>
      <Avatar id={userId} name={name} size="m" />
      <div class="knock-text">
        <strong dir="auto">{t.invites.knock(name)}</strong>
        <span class="meta" dir="auto">
          {t.invites.at(whereOf(one))}
          {knocks.value.length > 1 && <span data-testid="knock-more"> · {t.invites.more(knocks.value.length - 1)}</span>}
        </span>
      </div>
      <div class="knock-actions">
        <Button aria-label={t.invites.refuseName(name)} aria-disabled={busy === userId} onClick={() => void decide(false)} testid="knock-refuse">
          {t.invites.refuse}
        </Button>
        <Button kind="primary" aria-label={t.invites.admitName(name)} aria-keyshortcuts="F8" title={t.invites.hint} aria-disabled={busy === userId} onClick={() => void decide(true)} testid="knock-admit">
          {t.invites.admit}
        </Button>
      </div>
    </section>
  );
}
