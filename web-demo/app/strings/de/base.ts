import type { base as en } from '../en/base';
import type { Words } from '../words';

export const base: Words<typeof en> = {
  app: 'Convene',
  tagline: 'Anrufe und Chat für dein Team, auf eurem eigenen Server.',
  skipToContent: 'Zum Inhalt springen',
  skipToComposer: 'Zum Nachrichtenfeld springen',
  skipToToolbar: 'Zur Steuerung des Anrufs springen',
  close: 'Schließen',
  cancel: 'Abbrechen',
  back: 'Zurück',
  retry: 'Erneut versuchen',
  you: 'Du',
  someone: 'Jemand',
  loading: 'Wird geladen …',
  notices: 'Hinweise',
  crash: {
    title: 'Dieser Teil der Seite funktioniert nicht mehr.',
    call: 'Dein Anruf läuft weiter. Öffne diesen Teil neu, um weiterzumachen.',
    reopen: 'Neu öffnen',
  },
};
