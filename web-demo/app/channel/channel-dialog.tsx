/** Who is in a channel, and how it is set up. What one may not change is only told. */
import { useEffect, useState } from 'preact/hooks';
import { EllipsisVertical, UserPlus } from 'lucide';
import { addMember, channelMembers, mayAdd, mayArchive, mayLeave, maySetUp, type Channel, type Member } from '../../sdk/index';
import { convene } from '../client';
import { compareNames, duration, shortWhen } from '../format';
import { archive, leaveChannel, tell } from '../moderation/acts';
import { PersonMenu } from '../moderation/person-menu';
import { isGuest, me, people, presenceOf, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button, IconButton } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { SettingsForm } from './settings-form';

/** More rows than this are found by name. */
const MAX_ROWS = 200;
const MAX_FOUND = 8;
const RANK: Record<string, number> = { owner: 0, admin: 1, member: 2 };

export function ChannelDialog({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const [tab, setTab] = useState<'members' | 'settings'>('members');
  return (
    <Dialog title={t.channel.title(titleOf(channel))} onClose={onClose} testid="channel-settings">
      <div class="segments" role="group" aria-label={t.channel.tabList}>
        {(['members', 'settings'] as const).map((one) => (
          <button key={one} type="button" class="segment" aria-pressed={tab === one} onClick={() => setTab(one)} data-testid={`tab-${one}`}>
            {t.channel.tabs[one]}
          </button>
        ))}
      </div>
      {tab === 'members' ? <Members channel={channel} /> : <Settings channel={channel} onClose={onClose} />}
    </Dialog>
  );
}

const matches = (name: string, username: string, q: string): boolean => `${name} ${username}`.toLowerCase().includes(q.trim().toLowerCase());

function Members({ channel }: { channel: Channel }) {
  const [all, setAll] = useState<Member[] | null>(null);
  const [failed, setFailed] = useState(false);
  const [adding, setAdding] = useState(false);
  const [q, setQ] = useState('');
  useEffect(() => {
    let gone = false;
    const load = () =>
      channelMembers(convene.session, channel.id).then(
        (found) => {
          if (!gone) setAll(found);
        },
        () => {
          if (!gone) setFailed(true);
        },
      );
    void load();
    const off = convene.chat.events.on('members', (id) => id === channel.id && void load());
    return () => {
      gone = true;
      off();
    };
  }, [channel.id]);
  const found = (all ?? [])
    .filter((one) => matches(one.name, one.username, q))
    .sort((a, b) => (RANK[a.role] ?? 2) - (RANK[b.role] ?? 2) || compareNames(a.name, b.name))
    .slice(0, MAX_ROWS);
  return (
    <>
      {mayAdd(channel, me.value) && !isGuest.value && !adding && (
        <Button icon={UserPlus} onClick={() => setAdding(true)} testid="members-add">
          {t.channel.add}
        </Button>
      )}
      {adding && <AddPeople channel={channel} inside={all ?? []} />}
      {(all?.length ?? 0) > MAX_FOUND && (
        <input type="search" aria-label={t.channel.filter} placeholder={t.channel.filter} value={q} onInput={(e) => setQ(e.currentTarget.value)} />
      )}
      {failed && <p class="form-error">{t.channel.loadFailed}</p>}
      {!all && !failed && <p class="meta">{t.loading}</p>}
      {all && found.length === 0 && <p class="meta">{t.channel.nobody}</p>}
      <ul class="lines" aria-label={t.channel.tabs.members}>
        {found.map((one) => (
          <MemberRow key={one.userId} channel={channel} member={one} />
        ))}
      </ul>
    </>
  );
}

function MemberRow({ channel, member }: { channel: Channel; member: Member }) {
  const name = member.name || member.username;
  const timedOut = Date.parse(member.timeoutUntil) > convene.session.now();
  return (
    <li class="line" data-testid="member" data-username={member.username}>
      <Avatar id={member.userId} name={name} size="m" presence={presenceOf(member.userId)} />
      <div class="line-text">
        <span dir="auto">
          {name}
          {member.userId === me.value?.id && <span class="meta"> ({t.channel.you})</span>}
        </span>
        <span class="meta">
          <bdi>@{member.username}</bdi>
          {timedOut && <strong class="text-danger"> · {t.channel.timedOut(shortWhen(member.timeoutUntil))}</strong>}
        </span>
      </div>
      {member.role !== 'member' && <span class="tag">{t.person.roles[member.role]}</span>}
      <PersonMenu userId={member.userId} name={name} channelId={channel.id} role={member.role} more testid="member-menu">
        <Icon node={EllipsisVertical} size={18} />
      </PersonMenu>
    </li>
  );
}

function AddPeople({ channel, inside }: { channel: Channel; inside: readonly Member[] }) {
  const [q, setQ] = useState('');
  const there = new Set(inside.map((one) => one.userId));
  const found = people.value.filter((u) => !there.has(u.id) && matches(u.name, u.username, q)).slice(0, MAX_FOUND);
  return (
    <section class="add-people" aria-label={t.channel.add}>
      <label class="field">
        <span>{t.channel.add}</span>
        <input type="search" placeholder={t.channel.addHint} value={q} autoFocus autoComplete="off" onInput={(e) => setQ(e.currentTarget.value)} data-testid="add-people" />
      </label>
      {found.length === 0 && <p class="meta">{t.channel.addNobody}</p>}
      <ul class="lines">
        {found.map((u) => (
          <li key={u.id} class="line">
            <Avatar id={u.id} name={u.name} size="s" presence={presenceOf(u.id)} />
            <span class="line-text" dir="auto">
              {u.name}
            </span>
            <IconButton icon={UserPlus} size={18} label={t.channel.addOne(u.name)} onClick={() => void tell(() => addMember(convene.session, channel.id, u.id))} testid="add-one" />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Settings({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const [asking, setAsking] = useState<'archive' | 'leave' | ''>('');
  const [problem, setProblem] = useState('');
  const may = maySetUp(channel, me.value);
  const run = async () => {
    const leaving = asking === 'leave';
    const now = leaving ? await leaveChannel(channel) : await archive(channel, true);
    setAsking('');
    setProblem(now);
    if (!now && leaving) onClose();
  };
  return (
    <>
      {may ? <SettingsForm channel={channel} /> : <Facts channel={channel} />}
      {(mayArchive(channel, me.value) || mayLeave(channel)) && !asking && (
        <div class="editor-actions">
          {mayArchive(channel, me.value) &&
            (channel.archivedAt ? (
              <Button onClick={() => void archive(channel, false).then(setProblem)} testid="restore">
                {t.closed.restore}
              </Button>
            ) : (
              <Button onClick={() => setAsking('archive')} testid="archive">
                {t.channel.archive}
              </Button>
            ))}
          {mayLeave(channel) && (
            <Button onClick={() => setAsking('leave')} testid="leave-channel">
              {t.channel.leave}
            </Button>
          )}
        </div>
      )}
      {asking && (
        <div class="note note-warn">
          <span>{asking === 'leave' ? t.channel.leaveText : t.channel.archiveText}</span>
          <Button kind="danger" autoFocus onClick={() => void run()} testid="confirm">
            {asking === 'leave' ? t.channel.leaveConfirm : t.channel.archiveConfirm}
          </Button>
          <Button onClick={() => setAsking('')}>{t.cancel}</Button>
        </div>
      )}
      <p class="form-error" role="alert">
        {problem}
      </p>
    </>
  );
}

function Facts({ channel }: { channel: Channel }) {
  const { facts } = t.channel;
  const all = [
    channel.private && facts.private,
    channel.readOnly && facts.readOnly,
    channel.slowMode > 0 && facts.slow(duration(channel.slowMode * 1000)),
    channel.retentionDays > 0 && facts.retention(channel.retentionDays),
  ].filter(Boolean);
  return (
    <div class="stack">
      <h3>{t.channel.about}</h3>
      {channel.topic && <p dir="auto">{channel.topic}</p>}
      <p dir="auto" class={channel.description ? '' : 'meta'}>
        {channel.description || t.channel.noAbout}
      </p>
      {all.length > 0 && <p class="meta">{all.join(' · ')}</p>}
    </div>
  );
}

