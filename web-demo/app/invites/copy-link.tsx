/** A link as one reads and copies it; and one made and copied with a single press. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Check, Copy, Link } from 'lucide';
import { t } from '../strings';
import { Button } from '../ui/button';
import { copyLink, makeLink } from './acts';
import '../styles/invites.css';

/** `copied`: it is in the clipboard already. */
export function LinkField({ url, copied: before = false, focus = false }: { url: string; copied?: boolean; focus?: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<boolean | null>(before || null);
  useEffect(() => {
    if (!focus) return;
    input.current?.focus();
    input.current?.select();
  }, [url]);
  const copy = async () => {
    const done = await copyLink(url);
    setCopied(done);
    if (!done) input.current?.select();
  };
  return (
    <div class="link-field">
      <input ref={input} readOnly value={url} aria-label={t.invites.made} dir="ltr" onFocus={(event) => event.currentTarget.select()} data-testid="link-url" />
      <Button kind="primary" icon={copied ? Check : Copy} onClick={() => void copy()} testid="link-copy">
        {t.invites.copy}
      </Button>
      <span class="meta" role="status" data-testid="link-copied">
        {copied === true ? t.invites.copied : copied === false ? t.invites.notCopied : ''}
      </span>
    </div>
  );
}

/** For whoever is alone in a call. */
export function CopyLink({ channelId }: { channelId: string }) {
  const [made, setMade] = useState<{ url: string; copied: boolean } | null>(null);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const make = async () => {
    if (busy) return;
    setBusy(true);
    const link = await makeLink(channelId);
    if (typeof link === 'string') setProblem(link);
    else setMade({ url: link.url, copied: await copyLink(link.url) });
    setBusy(false);
  };
  if (made) return <LinkField url={made.url} copied={made.copied} />;
  return (
    <>
      <Button icon={Link} aria-disabled={busy} title={t.invites.copyNewHint} onClick={() => void make()} testid="link-copy-new">
        {t.invites.copyNew}
      </Button>
      {problem && (
        <span class="form-error" role="alert">
          {problem}
        </span>
      )}
    </>
  );
}
