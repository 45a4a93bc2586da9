/** On the page of the sign-in, for whoever has no account but a link, or only what stands at its end. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { signingIn } from '../door';
import { go } from '../router';
import { Button } from '../ui/button';
import { readLink } from './link-code';
import { t } from './texts';

export function MeetingLink() {
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (open) input.current?.focus();
  }, [open]);

  const submit = (event: Event) => {
    event.preventDefault();
    const found = readLink(input.current?.value ?? '', location.host);
    if ('code' in found) {
      // Whoever wanted to sign in for another link comes as a guest now.
      signingIn.value = false;
      go({ name: 'invite', code: found.code });
      return;
    }
    const { link } = t.guest;
    setProblem(found.problem === 'elsewhere' ? link.elsewhere(found.host) : found.problem === 'wrong' ? link.wrong(`${location.host}/j/…`) : link.missing);
    input.current?.focus();
  };

  return (
    <>
      <Button kind="quiet" class="btn-wide" aria-expanded={open} aria-controls="meeting-link" onClick={() => setOpen(!open)} testid="meeting-link">
        {t.guest.link.have}
      </Button>
      <form id="meeting-link" class="signin-form" hidden={!open} noValidate onSubmit={submit}>
        <label class="field">
          <span>{t.guest.link.field}</span>
          <input
            ref={input}
            name="link"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            inputMode="url"
            dir="ltr"
            required
            aria-invalid={problem !== ''}
            aria-describedby={problem ? 'meeting-link-problem' : undefined}
            data-testid="meeting-link-field"
          />
        </label>
        <p class="form-error" id="meeting-link-problem" role="alert" data-testid="meeting-link-problem">
          {problem}
        </p>
        <Button type="submit" class="btn-wide" testid="meeting-link-open">
          {t.guest.link.open}
        </Button>
      </form>
    </>
  );
}
