/** Short lists with something to do about each: blocked people, archived channels, sign-ins of somebody. */
import { useEffect, useState } from 'preact/hooks';
import { Archive, LogOut, Phone, ShieldCheck } from 'lucide';
import { archivedChannels, endSignInsOf, listRevisions, signInsOf, stillRings, type Channel, type Message, type Revision, type SignIn } from '../../sdk/index';
import { convene } from '../client';
import { compareNames, fullDate, shortWhen } from '../format';
import { openChannel } from '../intents';
import { blocked, call, nameOf, people, presenceOf, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button, IconButton } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { ringInCall, tell, unblock } from './acts';

export function BlocksDialog({ onClose }: { onClose: () => void }) {
  const all = [...blocked.value].map((id) => ({ id, name: nameOf(id) })).sort((a, b) => compareNames(a.name, b.name));
  return (
    <Dialog title={t.person.blockedPeople} onClose={onClose} testid="blocks">
      {all.length === 0 && <p class="meta">{t.person.nobodyBlocked}</p>}
      <ul class="stack">
        {all.map(({ id, name }) => (
          <li key={id} class="line">
            <Avatar id={id} name={name} size="s" />
            <span class="line-text" dir="auto">
              {name}
            </span>
            <Button icon={ShieldCheck} onClick={() => void unblock(id, name)}>
              {t.person.unblock}
            </Button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

/** What a message said before, the last one first. */
export function RevisionsDialog({ message, onClose }: { message: Message; onClose: () => void }) {
  const [all, setAll] = useState<Revision[] | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    listRevisions(convene.session, message.id).then(setAll, () => setFailed(true));
  }, []);
  return (
    <Dialog title={t.chat.revisions} onClose={onClose} testid="revisions">
      {failed && <p class="form-error">{t.chat.loadFailed}</p>}
      {!all && !failed && <p class="meta">{t.loading}</p>}
      {all?.length === 0 && <p class="meta">{t.chat.noRevisions}</p>}
      <ul class="stack">
        {all
          ?.toSorted((a, b) => b.editNo - a.editNo)
          .map((one) => (
            <li key={one.editNo}>
              <time class="meta" dateTime={one.editedAt}>
                {fullDate(one.editedAt)}
              </time>
              <blockquote class="quote" dir="auto">
                {one.content}
              </blockquote>
            </li>
          ))}
      </ul>
    </Dialog>
  );
}

/** Members of the call's channel who are not in it. */
export function RingDialog({ onClose }: { onClose: () => void }) {
  const { channelId, participants, invites } = call.value;
  const inside = new Set(participants.map((one) => one.userId));
  const channel = convene.chat.channel(channelId);
  const members = channel?.members.length ? new Set(channel.members) : null;
  const all = people.value.filter((u) => !inside.has(u.id) && (!members || members.has(u.id)));
  return (
    <Dialog title={t.call.addPeople} onClose={onClose} testid="ring-people">
      {all.length === 0 && <p class="meta">{t.call.nobodyToRing}</p>}
      <ul class="lines">
        {all.map((u) => {
          const state = invites.get(u.id);
          return (
            <li key={u.id} class="line">
              <Avatar id={u.id} name={u.name} size="s" presence={presenceOf(u.id)} />
              <span class="line-text" dir="auto">
                {u.name}
              </span>
              {state && <span class="meta">{t.call.ringing[state]}</span>}
              {!stillRings(state) && (
                <IconButton icon={Phone} size={18} label={t.call.ringOne(u.name)} onClick={() => void ringInCall(u.id)} />
              )}
            </li>
          );
        })}
      </ul>
    </Dialog>
  );
}

export function ArchivedDialog({ onClose }: { onClose: () => void }) {
  const [all, setAll] = useState<Channel[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  const load = (cursor?: string) =>
    archivedChannels(convene.session, cursor).then(
      (page) => {
        setAll((old) => [...(cursor ? (old ?? []) : []), ...page.channels]);
        setNext(page.next);
      },
      () => setFailed(true),
    );
  useEffect(() => void load(), []);
  return (
    <Dialog title={t.channel.archivedList} onClose={onClose} testid="archived">
      {failed && <p class="form-error">{t.admin.failed}</p>}
      {!all && !failed && <p class="meta">{t.loading}</p>}
      {all?.length === 0 && <p class="meta">{t.channel.noArchived}</p>}
      <ul>
        {all?.map((c) => (
          <li key={c.id}>
            <button
              type="button"
              class="row"
              onClick={() => {
                onClose();
                void tell(() => convene.chat.lookUp(c.id)).then((found) => found && openChannel(c));
              }}
            >
              <Icon node={Archive} size={18} />
              <span class="row-name" dir="auto">
                {titleOf(c)}
              </span>
              <span class="meta">{shortWhen(c.archivedAt)}</span>
            </button>
          </li>
        ))}
      </ul>
      {next && <Button onClick={() => void load(next)}>{t.admin.more}</Button>}
    </Dialog>
  );
}

export function SignInsOfDialog({ userId, name, onClose }: { userId: string; name: string; onClose: () => void }) {
  const [all, setAll] = useState<SignIn[] | null>(null);
  const [failed, setFailed] = useState(false);
  const load = () =>
    signInsOf(convene.session, userId).then(setAll, () => setFailed(true));
  useEffect(() => void load(), []);
  const end = async (sessionId?: string) => {
    await tell(() => endSignInsOf(convene.session, userId, sessionId), t.admin.ended);
    await load();
  };
  return (
    <Dialog
      title={t.admin.signInsOf(name)}
      onClose={onClose}
      testid="sign-ins-of"
      actions={
        all && all.length > 0 ? (
          <Button kind="danger" onClick={() => void end()}>
            {t.admin.endAll}
          </Button>
        ) : undefined
      }
    >
      {failed && <p class="form-error">{t.signIns.failed}</p>}
      {!all && !failed && <p class="meta">{t.loading}</p>}
      {all?.length === 0 && <p class="meta">{t.admin.noSignIns}</p>}
      <ul class="stack">
        {all?.map((one) => (
          <li key={one.id} class="line">
            <div class="line-text">
              <span dir="auto">{one.client || t.signIns.unknown}</span>
              <span class="meta">
                {t.signIns.used(shortWhen(one.lastUsedAt))}
                {one.ip && ` · ${one.ip}`}
              </span>
            </div>
            <IconButton icon={LogOut} size={16} label={t.signIns.end(one.client || t.signIns.unknown)} onClick={() => void end(one.id)} />
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
