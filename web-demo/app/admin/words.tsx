import { useRef, useState } from 'preact/hooks';
import { Trash2 } from 'lucide';
import { addFilter, FILTER_ACTIONS, listFilters, removeFilter, type Filter } from '../../sdk/index';
import { convene } from '../client';
import { shortWhen } from '../format';
import { attempt, tell } from '../moderation/acts';
import { nameOf } from '../store';
import { t } from './texts';
import { Button, IconButton } from '../ui/button';
import { Rows } from './rows';
import { usePages } from './use-pages';

export function Words() {
  const form = useRef<HTMLFormElement>(null);
  const [problem, setProblem] = useState('');
  const list = usePages('', async () => ({ rows: await listFilters(convene.session), next: null }));
  const add = async (event: Event) => {
    event.preventDefault();
    if (!form.current) return;
    const data = new FormData(form.current);
    const word = String(data.get('word') ?? '').trim();
    if (!word) return;
    const now = await attempt(() => addFilter(convene.session, word, data.get('action') as Filter['action']));
    setProblem(now);
    if (now) return;
    form.current.reset();
    form.current.querySelector('input')?.focus();
    list.again();
  };
  return (
    <>
      <form ref={form} class="word-form" onSubmit={(e) => void add(e)}>
        <label class="field">
          <span>{t.admin.word}</span>
          <input name="word" required maxLength={100} dir="auto" autoComplete="off" aria-describedby="word-hint" data-testid="word" />
        </label>
        <label class="field">
          <span>{t.admin.action}</span>
          <select name="action" data-testid="word-action">
            {FILTER_ACTIONS.map((action) => (
              <option key={action} value={action}>
                {t.admin.actions[action]}
              </option>
            ))}
          </select>
        </label>
        <Button kind="primary" type="submit" testid="word-add">
          {t.admin.addWord}
        </Button>
      </form>
      <p class="meta" id="word-hint">
        {t.admin.wordHint}
      </p>
      <p class="form-error" role="alert">
        {problem}
      </p>
      <Rows {...list} none={t.admin.noWords}>
        <ul class="lines">
          {list.rows?.map((one) => (
            <li key={one.id} class="line" data-testid="word-row">
              <div class="line-text">
                <strong dir="auto">{one.word}</strong>
                <span class="meta">{t.admin.bannedBy(nameOf(one.by), shortWhen(one.createdAt))}</span>
              </div>
              <span class="tag">{t.admin.actions[one.action]}</span>
              <IconButton
                icon={Trash2}
                size={18}
                label={t.admin.removeWord(one.word)}
                onClick={() => void tell(() => removeFilter(convene.session, one.id)).then(list.again)}
                testid="word-remove"
              />
            </li>
          ))}
        </ul>
      </Rows>
    </>
  );
}
