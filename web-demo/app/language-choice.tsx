/** In the account menu. Every language is named in itself, so that one finds back from a wrong choice. */
import { announce } from './a11y/announcer';
import { toast } from './intents';
import { chooseLanguage, chosenLanguage, LANGUAGES } from './language';
import { t } from './strings';

async function choose(code: string): Promise<void> {
  if (!(await chooseLanguage(code))) return void toast(t.nav.languageFailed, 'error');
  announce(t.nav.languageIs);
  // The views were built anew; the place of the person in them is this field.
  queueMicrotask(() => document.querySelector<HTMLElement>('[data-testid=me-menu]')?.focus());
}

export function LanguageChoice() {
  return (
    <label class="menu-field">
      <span>{t.nav.language}</span>
      <select value={chosenLanguage.value} onChange={(e) => void choose(e.currentTarget.value)} data-testid="language">
        <option value="">{t.nav.languageSystem}</option>
        {LANGUAGES.map(({ code, name }) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
