import { useRef, useState } from 'preact/hooks';
import { convene } from './client';
import { openChannel } from './intents';
import { people } from './store';
import { t } from './strings';
import { Avatar } from './ui/avatar';
import { Button } from './ui/button';
import { Dialog } from './ui/dialog';

export function NewChannelDialog({ onClose }: { onClose: () => void }) {
  const form = useRef<HTMLFormElement>(null);
  const [error, setError] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!form.current) return;
    const data = new FormData(form.current);
    const name = String(data.get('name') ?? '').trim();
    try {
      const channel = await convene.chat.createChannel(name, data.getAll('member').map(String), 'group');
      onClose();
      if (channel) openChannel(channel);
    } catch {
      setError(t.newChannel.failed);
    }
  };
  return (
    <Dialog
      title={t.newChannel.title}
      onClose={onClose}
      testid="channel-dialog"
      actions={
        <>
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button kind="primary" type="submit" form="new-channel">
            {t.newChannel.create}
          </Button>
        </>
      }
    >
      <form id="new-channel" ref={form} class="stack" onSubmit={(e) => void submit(e)}>
        <label class="field">
          <span>{t.newChannel.name}</span>
          <input name="name" minLength={2} maxLength={100} required autoFocus aria-describedby="new-channel-hint" />
        </label>
        <p class="meta" id="new-channel-hint">
          {t.newChannel.hint}
        </p>
        <fieldset class="picker">
          <legend>{t.newChannel.members}</legend>
          {people.value.map((u) => (
            <label key={u.id} class="picker-row">
              <input type="checkbox" name="member" value={u.id} />
              <Avatar id={u.id} name={u.name} size="s" />
              <span dir="auto">{u.name}</span>
            </label>
          ))}
        </fieldset>
        <p class="form-error" role="alert">
          {error}
        </p>
      </form>
    </Dialog>
  );
}
