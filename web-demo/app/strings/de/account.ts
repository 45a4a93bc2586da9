import type { account as en } from '../en/account';
import type { Words } from '../words';

export const account: Words<typeof en> = {
  signIn: {
    title: 'Anmelden',
    username: 'Benutzername',
    password: 'Passwort',
    showPassword: 'Passwort anzeigen',
    submit: 'Anmelden',
    busy: 'Anmeldung läuft …',
    wrong: 'Benutzername und Passwort passen nicht zusammen. Prüfe beides und versuche es noch einmal.',
    offline: 'Der Server ist nicht erreichbar. Prüfe deine Verbindung und versuche es noch einmal.',
    limited: 'Zu viele Versuche. Warte einen Moment und versuche es dann noch einmal.',
    other: (code) => `Die Anmeldung hat nicht geklappt (${code}). Versuche es gleich noch einmal.`,
    required: 'Gib Benutzername und Passwort ein.',
    expired: 'Deine Sitzung ist abgelaufen. Melde dich wieder an, um weiterzumachen.',
    banned: 'Dieses Konto wurde gesperrt. Wende dich an deine Administration, wenn du das für falsch hältst.',
    revoked: 'Du wurdest hier abgemeldet. Melde dich wieder an, um weiterzumachen.',
    replaced: 'Diese Seite wurde mit derselben Sitzung anderswo geöffnet. Melde dich wieder an, um sie hier zu benutzen.',
  },

  presence: { online: 'Online', away: 'Abwesend', dnd: 'Nicht stören', invisible: 'Unsichtbar', offline: 'Offline' },

  banned: {
    title: 'Du bist von diesem Server verbannt',
    reason: (reason) => `Grund: ${reason}`,
    until: (when) => `Die Sperre endet am ${when}. Dann kannst du dich wieder anmelden.`,
    forGood: 'Die Sperre hat kein Ende.',
    appeal: 'Wende dich an deine Administration, wenn du das für falsch hältst.',
    back: 'Zur Anmeldung',
  },
};
