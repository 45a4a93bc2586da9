/** Links of a channel: one makes them, copies them once, and takes them back. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { listInvites, revokeInvite, type Channel, type Invite } from '../../sdk/index';
import { convene } from '../client';
import { shortWhen } from '../format';
import { tell } from '../moderation/acts';
import { nameOf, titleOf } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { makeLink, type NewLink } from './acts';
import { LinkField } from './copy-link';

const ARMED_MS = 5_000;
const A_WEEK = '604800';

export function LinkDialog({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const form = useRef<HTMLFormElement>(null);
  const [made, setMade] = useState<NewLink | null>(null);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [all, setAll] = useState<Invite[] | null>(null);
  const [failed, setFailed] = useState(false);

  const load = () =>
    listInvites(convene.session, channel.id).then(
      (found) => {
        setAll(found);
        setFailed(false);
      },
      () => setFailed(true),
    );
  useEffect(() => void load(), [channel.id]);

  const create = async (event: Event) => {
    event.preventDefault();
    if (!form.current || busy) return;
    const data = new FormData(form.current);
    const maxUses = Number(data.get('uses'));
    setBusy(true);
    const link = await makeLink(channel.id, {
      expiresIn: Number(data.get('lasts')),
      ...(maxUses > 0 ? { maxUses } : {}),
      lobby: data.has('lobby'),
      publish: !data.has('listen'),
      chat: data.has('chat'),
    });
    setBusy(false);
    if (typeof link === 'string') return setProblem(link);
    setProblem('');
    setMade(link);
    void load();
  };

  const revoke = async (one: Invite) => {
    if (!(await tell(() => revokeInvite(convene.session, one.id), t.invites.revoked))) return;
    if (made?.invite.id === one.id) setMade(null);
    await load();
  };

  return (
    <Dialog title={t.invites.title(titleOf(channel))} onClose={onClose} testid="links">
      <p class="meta">{t.invites.text}</p>
      <form class="stack" ref={form} onSubmit={(event) => void create(event)}>
        <div class="link-choices">
          <Choice name="lasts" label={t.invites.lasts} all={t.invites.hours} first={A_WEEK} />
          <Choice name="uses" label={t.invites.uses} all={t.invites.useCounts} first="0" />
        </div>
        <Check name="lobby" label={t.invites.lobby} />
        <Check name="listen" label={t.invites.listen} />
        <Check name="chat" label={t.invites.chat} checked />
        <p class="form-error" role="alert">
          {problem}
        </p>
        <Button kind={made ? 'plain' : 'primary'} type="submit" aria-disabled={busy} testid="link-create">
          {t.invites.create}
        </Button>
      </form>
      {made && (
        <section class="stack link-made" aria-labelledby="link-made">
          <h3 id="link-made">{t.invites.made}</h3>
          <LinkField url={made.url} focus key={made.url} />
          <p class="note">{t.invites.once}</p>
        </section>
      )}
      <section class="stack" aria-labelledby="link-list">
        <h3 id="link-list">{t.invites.all}</h3>
        {failed && <p class="form-error">{t.invites.loadFailed}</p>}
        {!all && !failed && <p class="meta">{t.loading}</p>}
        {all?.length === 0 && <p class="meta">{t.invites.none}</p>}
        <ul class="lines">
          {all?.map((one) => (
            <Row key={one.id} one={one} isNew={one.id === made?.invite.id} onRevoke={() => revoke(one)} />
          ))}
        </ul>
      </section>
    </Dialog>
  );
}

function Choice({ name, label, all, first }: { name: string; label: string; all: Record<string, string>; first: string }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select name={name} data-testid={`link-${name}`}>
        {Object.entries(all).map(([value, text]) => (
          <option key={value} value={value} selected={value === first}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function Check({ name, label, checked = false }: { name: string; label: string; checked?: boolean }) {
  return (
    <label class="link-check">
      <input type="checkbox" name={name} defaultChecked={checked} data-testid={`link-${name}`} /> {label}
    </label>
  );
}

/** Taking back cuts people off, so it takes a second press in the same place. */
function Row({ one, isNew, onRevoke }: { one: Invite; isNew: boolean; onRevoke: () => Promise<void> }) {
  const [armed, setArmed] = useState(false);
  useEffect(() => {
    if (!armed) return;
    const timer = setTimeout(() => setArmed(false), ARMED_MS);
    return () => clearTimeout(timer);
  }, [armed]);
  const facts = [
    t.invites.used(one.uses, one.maxUses),
    t.invites.until(shortWhen(one.expiresAt)),
    one.lobby && t.invites.facts.lobby,
    !one.publish && t.invites.facts.listen,
    !one.chat && t.invites.facts.noChat,
  ].filter(Boolean);
  return (
    <li class="line" data-testid="link-row" data-invite-id={one.id} data-new={isNew} data-uses={one.uses}>
      <div class="line-text">
        <span dir="auto">{t.invites.by(nameOf(one.createdBy))}</span>
        <span class="meta">{facts.join(' · ')}</span>
      </div>
      <Button kind={armed && one.uses > 0 ? 'danger' : 'plain'} onClick={() => (armed || one.uses === 0 ? void onRevoke() : setArmed(true))} testid="link-revoke">
        <span aria-live="polite">{armed ? t.invites.revokeSure : t.invites.revoke}</span>
      </Button>
    </li>
  );
}
