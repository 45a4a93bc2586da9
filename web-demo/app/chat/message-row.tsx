import { useEffect, useRef, useState } from 'preact/hooks';
import { CheckCheck, Clock, Ellipsis, EyeOff, Flag, MessagesSquare, Pencil, Phone, PhoneMissed, Pin, PinOff, Trash2, TriangleAlert } from 'lucide';
import { isHost, mayDelete, mayReport, type Message, type OutboxItem } from '../../sdk/index';
import { convene } from '../client';
import { clock, duration, fullDate } from '../format';
import { deleteMessage, editMessage, editUnsent, openThread, pin } from '../intents';
import { ask } from '../moderation/acts';
import { PersonMenu } from '../moderation/person-menu';
import { blocked, marked, me, nameOf, usersById } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button, IconButton } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { MenuButton } from '../ui/menu';
import { editing, focusComposer } from './editing';
import { Markdown } from './markdown-view';
import { ReactButton, Reactions } from './reactions';
import { changesAfter, sendingState } from './sending';
import { systemText } from './system-text';
import { lazyDialog } from '../ui/lazy';

const SeenDialog = lazyDialog(() => import('./seen').then((m) => m.SeenDialog));

/** The name of the account that acts for a directory outside; it is in no list of people. */
const DIRECTORY = 'Directory';

/** As much of a text is in the name of its row. */
const READ_CHARS = 500;

/** `main`: in the channel's own timeline, where a message leads to its thread. */
export function MessageRow({ message, head, main = false }: { message: Message; head: boolean; main?: boolean }) {
  const [deleting, setDeleting] = useState(false);
  const [seen, setSeen] = useState(false);
  const [shown, setShown] = useState(false);
  const mine = message.authorId === me.value?.id;
  const name = nameOf(message.authorId, message.authorName);
  const isEditing = editing.value === message.id;
  const channel = convene.chat.channel(message.channelId);
  const mayPin = channel !== undefined && convene.chat.mayPin(channel);
  const hidden = blocked.value.has(message.authorId) && !mine && !shown && !message.deleted;
  if (message.type === 'call') return <CallRow message={message} name={name} />;
  if (message.type === 'system') return <SystemRow message={message} />;
  return (
    <article
      class={`message ${head ? 'message-head' : ''}`}
      data-testid="message"
      data-row={message.id}
      data-message-id={message.id}
      data-seq={message.seq}
      data-author={usersById.value.get(message.authorId)?.username || message.authorId}
      data-deleted={message.deleted}
      data-marked={marked.value === message.id}
      tabIndex={-1}
      aria-label={t.chat.row(name, clock(message.createdAt), message.deleted ? t.chat.deleted : hidden ? t.person.blockedMessage : message.content.slice(0, READ_CHARS))}
    >
      <div class="message-side">
        {head ? (
          <PersonMenu userId={message.authorId} name={name} channelId={message.channelId} testid="person-avatar" picture>
            <Avatar id={message.authorId} name={name} />
          </PersonMenu>
        ) : (
          <time class="message-time-side" dateTime={message.createdAt} title={fullDate(message.createdAt)}>
            {clock(message.createdAt)}
          </time>
        )}
      </div>
      <div class="message-main">
        {head && (
          <header class="message-meta">
            <PersonMenu userId={message.authorId} name={name} channelId={message.channelId}>
              <span class="message-author" dir="auto">
                {name}
              </span>
            </PersonMenu>
            <time class="meta" dateTime={message.createdAt} title={fullDate(message.createdAt)}>
              {clock(message.createdAt)}
            </time>
          </header>
        )}
        {message.deleted ? (
          <p class="message-deleted">{t.chat.deleted}</p>
        ) : hidden ? (
          <p class="message-deleted" data-testid="message-blocked">
            {t.person.blockedMessage}{' '}
            <Button kind="quiet" class="btn-small" aria-expanded={false} onClick={() => setShown(true)}>
              {t.person.show}
            </Button>
          </p>
        ) : isEditing ? (
          <Editor message={message} />
        ) : (
          <div class="message-text" dir="auto">
            <Markdown
              text={message.content}
              trail={
                <>
                  {message.editedAt && <Edited message={message} open={mine || (channel !== undefined && isHost(channel))} />}
                  {message.pinnedAt && (
                    <span class="message-edited" data-testid="message-pinned">
                      {' '}
                      <Icon node={Pin} size={12} /> {t.chat.pinned}
                    </span>
                  )}
                </>
              }
            />
          </div>
        )}
        {!isEditing && !hidden && <Reactions message={message} />}
        {main && message.thread !== null && message.thread.count > 0 && (
          <button
            type="button"
            class="thread-link"
            data-testid="thread-open"
            aria-label={t.chat.openThread(message.thread.count, clock(message.thread.lastAt))}
            onClick={() => void openThread(message)}
          >
            <Icon node={MessagesSquare} size={14} />
            <strong>{t.chat.replies(message.thread.count)}</strong>{' '}
            <span class="meta">{t.chat.lastReply(clock(message.thread.lastAt))}</span>
          </button>
        )}
      </div>
      {!message.deleted && !isEditing && !hidden && (
        <div class="message-actions" role="group" aria-label={t.chat.actions}>
          <ReactButton message={message} />
          {main && <IconButton icon={MessagesSquare} size={16} label={t.chat.reply} onClick={() => void openThread(message)} testid="message-reply" />}
          {mayPin && (
            <IconButton
              icon={message.pinnedAt ? PinOff : Pin}
              size={16}
              label={message.pinnedAt ? t.chat.unpin : t.chat.pin}
              onClick={() => void pin(message, !message.pinnedAt)}
              testid="message-pin"
            />
          )}
          {mine && (
            <>
              <IconButton icon={CheckCheck} size={16} label={t.chat.seenBy} onClick={() => setSeen(true)} testid="message-seen" />
              <IconButton icon={Pencil} size={16} label={t.chat.edit} onClick={() => (editing.value = message.id)} testid="message-edit" />
              <IconButton icon={Trash2} size={16} label={t.chat.remove} onClick={() => setDeleting(true)} testid="message-delete" />
            </>
          )}
          {!mine && (
            <MoreActions message={message} hide={shown ? () => setShown(false) : undefined} onDelete={() => setDeleting(true)} />
          )}
        </div>
      )}
      {seen && <SeenDialog message={message} onClose={() => setSeen(false)} />}
      {deleting && (
        <Dialog
          title={mine ? t.chat.removeTitle : t.moderation.removeOthers(name)}
          onClose={() => setDeleting(false)}
          actions={
            <>
              <Button onClick={() => setDeleting(false)}>{t.cancel}</Button>
              <Button
                kind="danger"
                testid="message-delete-confirm"
                onClick={() => {
                  setDeleting(false);
                  void deleteMessage(message);
                }}
              >
                {t.chat.removeConfirm}
              </Button>
            </>
          }
        >
          <p>{mine ? t.chat.removeText : t.moderation.removeOthersText}</p>
          <blockquote class="quote" dir="auto">
            {message.content.slice(0, 280)}
          </blockquote>
        </Dialog>
      )}
    </article>
  );
}

/** The author and hosts see what it said before. */
function Edited({ message, open }: { message: Message; open: boolean }) {
  if (!open) return <span class="message-edited"> ({t.chat.edited})</span>;
  return (
    <>
      {' '}
      <button
        type="button"
        class="message-edited link"
        title={t.chat.revisions}
        aria-label={`(${t.chat.edited}) ${t.chat.revisions}`}
        onClick={() => ask({ kind: 'revisions', message })}
        data-testid="message-revisions"
      >
        ({t.chat.edited})
      </button>
    </>
  );
}

/** What one does about what others wrote. */
function MoreActions({ message, hide, onDelete }: { message: Message; hide: (() => void) | undefined; onDelete: () => void }) {
  // What I may do can change while the message stands there.
  const mayRemove = () => {
    const channel = convene.chat.channel(message.channelId);
    return channel !== undefined && mayDelete(message, channel, me.value);
  };
  const items = () => [
    hide && { key: 'hide', label: t.person.hide, icon: EyeOff, run: hide },
    mayReport(message, me.value) && { key: 'report', label: t.moderation.report, icon: Flag, run: () => ask({ kind: 'report', message }) },
    mayRemove() && { key: 'delete', label: t.chat.remove, icon: Trash2, danger: true, run: onDelete },
  ];
  if (!items().some(Boolean)) return null;
  return (
    <MenuButton label={t.moderation.more} class="icon-btn" items={items} testid="message-more">
      <Icon node={Ellipsis} size={16} />
    </MenuButton>
  );
}

/** Who came, who left, what the channel is called now. */
function SystemRow({ message }: { message: Message }) {
  const author = usersById.value.get(message.authorId);
  const by = message.authorName === DIRECTORY && !author?.username ? '' : nameOf(message.authorId, message.authorName);
  const what = systemText(message.system, by);
  if (!what) return null;
  return (
    <article class="message-system" data-row={message.id} data-testid="message-system" data-seq={message.seq} data-event={message.system?.event} tabIndex={-1} dir="auto">
      {what} <time dateTime={message.createdAt} title={fullDate(message.createdAt)}>{clock(message.createdAt)}</time>
    </article>
  );
}

/** The line a finished call leaves in the conversation. */
function CallRow({ message, name }: { message: Message; name: string }) {
  const c = message.call;
  const missed = c !== null && c.state !== 'completed' && c.state !== 'ongoing';
  const what = !c
    ? t.call.ended
    : missed
      ? (t.history.states[c.state === 'missed' ? 'noAnswer' : c.state] ?? c.state)
      : duration(c.durationMs);
  return (
    <article class="message-call" data-row={message.id} data-testid="message-call" data-seq={message.seq} tabIndex={-1}>
      <Icon node={missed ? PhoneMissed : Phone} size={16} class={missed ? 'text-danger' : 'text-ok'} />
      <span>
        {t.chat.callBy(name)} · {what}
      </span>
      <time class="meta" dateTime={message.createdAt} title={fullDate(message.createdAt)}>
        {clock(message.createdAt)}
      </time>
    </article>
  );
}

function Editor({ message }: { message: Message }) {
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const element = area.current;
    if (!element) return;
    // The list brings it into view.
    element.focus({ preventScroll: true });
    element.setSelectionRange(element.value.length, element.value.length);
  }, []);
  const done = () => {
    editing.value = null;
    focusComposer(message.threadId || message.channelId);
  };
  const save = async () => {
    if (await editMessage(message, area.current?.value ?? '')) done();
  };
  return (
    <div class="editor">
      <textarea
        ref={area}
        rows={Math.min(8, message.content.split('\n').length + 1)}
        defaultValue={message.content}
        aria-label={t.chat.edit}
        data-testid="message-editor"
        onKeyDown={(e) => {
          if (e.key === 'Escape') {
            e.preventDefault();
            done();
          } else if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) {
            e.preventDefault();
            void save();
          }
        }}
      />
      <div class="editor-actions">
        <Button kind="primary" onClick={() => void save()}>
          {t.chat.save}
        </Button>
        <Button onClick={done}>{t.cancel}</Button>
        <span class="meta">{t.chat.editHint}</span>
      </div>
    </div>
  );
}

/** On its way, waiting, or failed with the text kept. */
export function PendingRow({ item }: { item: OutboxItem }) {
  const user = me.value;
  const [, again] = useState(0);
  const age = Math.max(0, Date.now() - item.createdAt);
  const wait = changesAfter(age);
  useEffect(() => {
    if (wait === null) return;
    const timer = setTimeout(() => again((n) => n + 1), wait + 1);
    return () => clearTimeout(timer);
  }, [item.nonce, wait]);
  if (!user) return null;
  const sending = sendingState(item, age);
  const failed = sending === 'failed';
  const state = { fresh: '', sending: t.chat.sending, slow: t.closed.slowWaiting, waiting: t.chat.waiting, failed: t.chat.failed }[sending];
  const why = failed ? t.closed.why[item.code] : undefined;
  return (
    <article class="message message-head message-pending" data-row={item.nonce} data-testid="message-pending" data-state={item.state} data-sending={sending} tabIndex={-1}>
      <div class="message-side">
        <Avatar id={user.id} name={user.name} />
      </div>
      <div class="message-main">
        <header class="message-meta">
          <span class="message-author" dir="auto">
            {user.name}
          </span>
          {state && (
            <span class={`meta ${failed ? 'text-danger' : ''}`}>
              <Icon node={failed ? TriangleAlert : Clock} size={14} /> {state}
            </span>
          )}
        </header>
        <div class="message-text" dir="auto">
          <Markdown text={item.content} />
        </div>
        {why && (
          <p class="text-danger" role="alert" data-testid="message-why">
            {why}
          </p>
        )}
        {failed && (
          <div class="editor-actions">
            <Button onClick={() => void convene.chat.outbox.retry(item.nonce)} testid="pending-retry">
              {t.chat.resend}
            </Button>
            <Button onClick={() => void editUnsent(item)} testid="pending-edit">
              {t.chat.editUnsent}
            </Button>
            <Button onClick={() => void convene.chat.outbox.discard(item.nonce)} testid="pending-discard">
              {t.chat.discard}
            </Button>
          </div>
        )}
      </div>
    </article>
  );
}
