import { useRef, useState } from 'preact/hooks';
import { updateChannel, type Channel, type ChannelSettings } from '../../sdk/index';
import { convene } from '../client';
import { duration } from '../format';
import { attempt } from '../moderation/acts';
import { t } from '../strings';
import { Button } from '../ui/button';

/** Seconds. The server takes up to six hours. */
const SLOW = [0, 5, 10, 30, 60, 300, 900, 3_600, 21_600];
const LONGEST_RETENTION = 3_650;

/** Only what differs is sent, and only if nobody else changed the settings meanwhile. */
export function changedSettings(channel: Channel, data: FormData, baseRev: number): ChannelSettings | null {
  const text = (name: 'name' | 'topic' | 'description') => {
    const value = String(data.get(name) ?? '').trim();
    return value === channel[name] ? {} : { [name]: value };
  };
  const flag = (name: 'private' | 'readOnly') => {
    const value = data.get(name) === 'on';
    return value === channel[name] ? {} : { [name]: value };
  };
  const number = (name: 'slowMode' | 'retentionDays') => {
    const value = Number(data.get(name) ?? 0);
    return value === channel[name] ? {} : { [name]: value };
  };
  const changed = {
    ...text('name'), ...text('topic'), ...text('description'), ...flag('readOnly'), ...(channel.kind === 'general' ? {} : flag('private')),
    ...number('slowMode'), ...number('retentionDays'),
  };
  return Object.keys(changed).length > 0 ? { ...changed, baseRev } : null;
}

export function SettingsForm({ channel }: { channel: Channel }) {
  const form = useRef<HTMLFormElement>(null);
  // What the form shows is of then.
  const [opened, setOpened] = useState(channel);
  const [problem, setProblem] = useState('');
  const [saved, setSaved] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!form.current) return;
    const settings = changedSettings(opened, new FormData(form.current), opened.rev);
    const now = settings ? await attempt(() => updateChannel(convene.session, channel.id, settings)) : '';
    setProblem(now);
    setSaved(!now);
    if (!now) setOpened(convene.chat.channel(channel.id) ?? channel);
  };
  const slow = SLOW.includes(opened.slowMode) ? SLOW : [...SLOW, opened.slowMode].sort((a, b) => a - b);
  return (
    <form ref={form} class="stack" onSubmit={(e) => void submit(e)} onInput={() => setSaved(false)} data-testid="settings-form">
      <label class="field">
        <span>{t.channel.name}</span>
        <input name="name" minLength={2} maxLength={100} required dir="auto" defaultValue={opened.name} />
      </label>
      <label class="field">
        <span>{t.channel.topic}</span>
        <input name="topic" maxLength={250} dir="auto" defaultValue={opened.topic} />
      </label>
      <label class="field">
        <span>{t.channel.description}</span>
        <textarea name="description" rows={3} maxLength={500} dir="auto" defaultValue={opened.description} />
      </label>
      {channel.kind !== 'general' && (
        <label class="check">
          <input type="checkbox" name="private" defaultChecked={opened.private} /> {t.channel.private}
        </label>
      )}
      <label class="check">
        <input type="checkbox" name="readOnly" defaultChecked={opened.readOnly} /> {t.channel.readOnly}
      </label>
      <label class="field">
        <span>{t.channel.slowMode}</span>
        <select name="slowMode" defaultValue={String(opened.slowMode)}>
          {slow.map((s) => (
            <option key={s} value={s} selected={s === opened.slowMode}>
              {s === 0 ? t.channel.slowOff : duration(s * 1000)}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>{t.channel.retention}</span>
        <input name="retentionDays" type="number" min={0} max={LONGEST_RETENTION} step={1} required defaultValue={String(opened.retentionDays)} aria-describedby="retention-hint" />
      </label>
      <p class="meta" id="retention-hint">
        {t.channel.retentionHint}
      </p>
      <p class={problem ? 'form-error' : 'meta'} role={problem ? 'alert' : 'status'}>
        {problem || (saved ? t.channel.saved : '')}
      </p>
      <div class="dialog-actions">
        <Button kind="primary" type="submit" testid="settings-save">
          {t.channel.save}
        </Button>
      </div>
    </form>
  );
}
