/** What is asked before something is done to somebody, above every view. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren, ComponentType } from 'preact';
import { reportMessage, type Channel, type Message } from '../../sdk/index';
import { convene } from '../client';
import { ChannelDialog } from '../channel/channel-dialog';
import { LinkDialog } from '../invites/link-dialog';
import { channelsById, nameOf, prompts, titleOf, type Prompt } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { answered, attempt, ban, giveRole, kickMember, timeOutMember } from './acts';
import { ArchivedDialog, BlocksDialog, RevisionsDialog, RingDialog, SignInsOfDialog } from './lists';

const MINUTE_MS = 60_000;
const DURATIONS = { m5: 5, h1: 60, d1: 1_440, w1: 10_080, d30: 43_200 } as const;
type Length = keyof typeof DURATIONS | 'ever' | 'lift';
const LONGEST_REASON = 500;
const LONGEST_NOTE = 1_000;

const endOf = (length: Length): Date | null =>
  length === 'ever' || length === 'lift' ? null : new Date(convene.session.now() + DURATIONS[length] * MINUTE_MS);

export function Prompts() {
  return (
    <>
      {prompts.value.map((what, i) => (
        <One key={`${i} ${what.kind}`} what={what} />
      ))}
    </>
  );
}

function One({ what }: { what: Prompt }) {
  switch (what.kind) {
    case 'report':
      return <ReportDialog message={what.message} />;
    case 'revisions':
      return <RevisionsDialog message={what.message} onClose={answered} />;
    case 'timeout':
      return <TimeoutDialog {...what} />;
    case 'kick':
      return <KickDialog {...what} />;
    case 'role':
      return <RoleDialog {...what} />;
    case 'ban':
      return <BanDialog {...what} />;
    case 'signIns':
      return <SignInsOfDialog {...what} onClose={answered} />;
    case 'blocks':
      return <BlocksDialog onClose={answered} />;
    case 'ring':
      return <RingDialog onClose={answered} />;
    case 'archived':
      return <ArchivedDialog onClose={answered} />;
    case 'channel':
      return <OfChannel channelId={what.channelId} show={ChannelDialog} />;
    case 'links':
      return <OfChannel channelId={what.channelId} show={LinkDialog} />;
  }
}

function OfChannel({ channelId, show: Show }: { channelId: string; show: ComponentType<{ channel: Channel; onClose: () => void }> }) {
  const channel = channelsById.value.get(channelId);
  // I left it, or was removed.
  useEffect(() => {
    if (!channel) answered();
  }, [channel]);
  return channel ? <Show channel={channel} onClose={answered} /> : null;
}

type Of<K extends Prompt['kind']> = Extract<Prompt, { kind: K }>;

interface AskProps {
  title: string;
  submit: string;
  danger?: boolean;
  testid: string;
  /** Gives the text of what went wrong, or nothing. */
  run: (data: FormData) => Promise<string>;
  children: ComponentChildren;
}

/** A question with a form; it stays open until it worked. */
export function Ask({ title, submit, danger = false, testid, run, children, onClose = answered }: AskProps & { onClose?: () => void }) {
  const form = useRef<HTMLFormElement>(null);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const onSubmit = async (event: Event) => {
    event.preventDefault();
    if (!form.current || busy) return;
    setBusy(true);
    const now = await run(new FormData(form.current));
    setBusy(false);
    setProblem(now);
    if (!now) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose} testid={testid}>
      <form ref={form} class="stack" onSubmit={(e) => void onSubmit(e)}>
        {children}
        <p class="form-error" role="alert">
          {problem}
        </p>
        <div class="dialog-actions">
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button kind={danger ? 'danger' : 'primary'} type="submit" aria-disabled={busy} testid={`${testid}-submit`}>
            {submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Choices({ name, legend, all, first }: { name: string; legend: string; all: Record<string, string>; first: string }) {
  return (
    <fieldset class="choices">
      <legend>{legend}</legend>
      {Object.entries(all).map(([value, label]) => (
        <label key={value}>
          <input type="radio" name={name} value={value} defaultChecked={value === first} autoFocus={value === first} data-testid={`${name}-${value}`} /> {label}
        </label>
      ))}
    </fieldset>
  );
}

function Reason({ first = false }: { first?: boolean }) {
  return (
    <label class="field">
      <span>{t.moderation.reason}</span>
      <input name="reason" autoFocus={first} maxLength={LONGEST_REASON} dir="auto" autoComplete="off" data-testid="reason" />
    </label>
  );
}
const reasonOf = (data: FormData): string => String(data.get('reason') ?? '').trim();

function ReportDialog({ message }: { message: Message }) {
  return (
    <Ask
      title={t.moderation.reportTitle}
      submit={t.moderation.sendReport}
      testid="report"
      run={(data) => {
        const reason = String(data.get('why') ?? 'other');
        return attempt(
          () => reportMessage(convene.session, message.id, t.moderation.reasons[reason] ?? reason, String(data.get('note') ?? '').trim()),
          t.moderation.reported,
        );
      }}
    >
      <blockquote class="quote" dir="auto">
        {nameOf(message.authorId, message.authorName)}: {message.content.slice(0, 280)}
      </blockquote>
      <Choices name="why" legend={t.moderation.reason} all={t.moderation.reasons} first="spam" />
      <label class="field">
        <span>{t.moderation.note}</span>
        <textarea name="note" rows={3} maxLength={LONGEST_NOTE} dir="auto" placeholder={t.moderation.noteHint} data-testid="report-note" />
      </label>
      <p class="meta">{t.moderation.reportText}</p>
    </Ask>
  );
}

function TimeoutDialog({ channel, userId, name }: Of<'timeout' | 'kick'>) {
  const { m5, h1, d1, w1, lift } = t.moderation.durations;
  return (
    <Ask
      title={t.moderation.timeoutTitle(name)}
      submit={t.moderation.timeoutSubmit}
      testid="timeout"
      run={(data) => timeOutMember(channel, userId, name, endOf(data.get('length') as Length), reasonOf(data))}
    >
      <p>{t.moderation.timeoutText}</p>
      <Choices name="length" legend={t.moderation.duration} all={{ m5: m5 ?? '', h1: h1 ?? '', d1: d1 ?? '', w1: w1 ?? '', lift: lift ?? '' }} first="h1" />
      <Reason />
    </Ask>
  );
}

function KickDialog({ channel, userId, name }: Of<'timeout' | 'kick'>) {
  return (
    <Ask
      title={t.moderation.kickTitle(name, titleOf(channel))}
      submit={t.moderation.kickSubmit}
      danger
      testid="kick"
      run={(data) => kickMember(channel, userId, name, reasonOf(data))}
    >
      <p>{t.moderation.kickText}</p>
      <Reason first />
    </Ask>
  );
}

function BanDialog({ userId, name }: Of<'ban'>) {
  const { d1, w1, d30, ever } = t.moderation.durations;
  return (
    <Ask
      title={t.moderation.banTitle(name)}
      submit={t.moderation.banSubmit}
      danger
      testid="ban"
      run={(data) => ban(userId, name, reasonOf(data), endOf(data.get('length') as Length))}
    >
      <p>{t.moderation.banText}</p>
      <Choices name="length" legend={t.moderation.duration} all={{ d1: d1 ?? '', w1: w1 ?? '', d30: d30 ?? '', ever: ever ?? '' }} first="d1" />
      <Reason />
    </Ask>
  );
}

function RoleDialog({ channel, userId, name, role }: Of<'role'>) {
  const all = Object.fromEntries(Object.entries(t.person.roles).map(([key, label]) => [key, `${label}: ${t.person.roleHints[key] ?? ''}`]));
  return (
    <Ask
      title={t.moderation.roleTitle(name)}
      submit={t.channel.save}
      testid="role"
      run={(data) => giveRole(channel, userId, name, data.get('role') as 'member' | 'admin' | 'owner')}
    >
      <Choices name="role" legend={t.moderation.roleTitle(name)} all={all} first={role} />
    </Ask>
  );
}
