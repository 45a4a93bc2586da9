import { useRef, useState } from 'preact/hooks';
import { Clock, Pencil, X } from 'lucide';
import type { Channel, Scheduled } from '../../sdk/index';
import { clock, shortWhen } from '../format';
import { cancelScheduled, changeScheduled, scheduleMessage } from '../intents';
import { t } from '../strings';
import { Button, IconButton } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { fromField, presets, problemOf, toField } from './when';

/** A text and a time. `onSubmit` gives the code of what went wrong, or nothing. */
function LaterForm({ text, at, submit, onSubmit, onCancel }: {
  text: string;
  at: Date | null;
  submit: string;
  onSubmit: (text: string, at: Date) => Promise<string>;
  onCancel: () => void;
}) {
  const words = useRef<HTMLTextAreaElement>(null);
  const [when, setWhen] = useState(at ? toField(at) : '');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    const content = words.current?.value.trim() ?? '';
    const time = fromField(when);
    const problem = content === '' ? 'empty' : problemOf(time);
    if (problem || !time) return setError(t.later.problems[problem] ?? '');
    setBusy(true);
    const code = await onSubmit(content, time);
    setBusy(false);
    setError(code && (t.later.errors[code] ?? t.later.failed));
  };
  return (
    <form class="stack later-form" noValidate onSubmit={(e) => void send(e)} data-testid="later-form">
      <label class="field">
        <span>{t.later.text}</span>
        <textarea ref={words} rows={3} dir="auto" defaultValue={text} data-testid="later-text" />
      </label>
      <div class="later-presets" role="group" aria-label={t.later.presets}>
        {presets().map((one) => (
          <Button key={one.key} aria-pressed={when === toField(one.at)} onClick={() => setWhen(toField(one.at))} testid={`later-${one.key}`}>
            {t.later.preset[one.key](clock(one.at.getTime()))}
          </Button>
        ))}
      </div>
      <label class="field">
        <span>{t.later.when}</span>
        <input type="datetime-local" value={when} onInput={(e) => setWhen(e.currentTarget.value)} data-testid="later-when" />
      </label>
      <p class="form-error" role="alert">
        {error}
      </p>
      <div class="dialog-actions">
        <Button onClick={onCancel}>{t.cancel}</Button>
        <Button kind="primary" type="submit" icon={Clock} disabled={busy} testid="later-submit">
          {submit}
        </Button>
      </div>
    </form>
  );
}

/** Asks when a text is to be sent. */
export function LaterDialog({ channel, threadId, text, onClose, onDone }: {
  channel: Channel;
  threadId: string;
  text: string;
  onClose: () => void;
  onDone: () => void;
}) {
  return (
    <Dialog title={t.later.title} onClose={onClose} testid="later">
      <LaterForm
        text={text}
        at={null}
        submit={t.later.submit}
        onCancel={onClose}
        onSubmit={async (content, at) => {
          const code = await scheduleMessage(channel.id, content, at, threadId);
          if (!code) onDone();
          return code;
        }}
      />
    </Dialog>
  );
}

export function LaterList({ waiting, onClose }: { waiting: readonly Scheduled[]; onClose: () => void }) {
  const [editing, setEditing] = useState('');
  return (
    <Dialog title={t.later.list} onClose={onClose} testid="later-list">
      {waiting.length === 0 && <p class="meta">{t.later.nothing}</p>}
      <ul class="pins">
        {waiting.map((one) => (
          <li key={one.id} data-testid="later-row" data-state={one.state}>
            {editing === one.id ? (
              <LaterForm
                text={one.content}
                at={one.state === 'failed' ? null : new Date(one.sendAt)}
                submit={t.chat.save}
                onCancel={() => setEditing('')}
                onSubmit={async (content, at) => {
                  const code = await changeScheduled(one, content, at);
                  if (!code) setEditing('');
                  return code;
                }}
              />
            ) : (
              <div class="pin">
                <div>
                  <p class={one.state === 'failed' ? 'text-danger' : 'meta'}>
                    <time dateTime={one.sendAt}>{shortWhen(one.sendAt)}</time>
                    {one.state === 'failed' && ` · ${t.later.why[one.error] ?? t.later.whyOther}`}
                  </p>
                  <p class="message-text" dir="auto">
                    {one.content}
                  </p>
                </div>
                <span class="later-actions">
                  <IconButton icon={Pencil} size={16} label={t.later.edit} onClick={() => setEditing(one.id)} testid="later-edit" />
                  <IconButton icon={X} size={16} label={t.later.cancel} onClick={() => void cancelScheduled(one)} testid="later-cancel" />
                </span>
              </div>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
