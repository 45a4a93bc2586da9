import type { keys as en } from '../en/keys';
import type { Words } from '../words';

export const keys: Words<typeof en> = {
  keys: {
    title: 'Tastenkürzel',
    inCall: 'Während eines Anrufs',
    everywhere: 'Überall',
    mic: 'Mikrofon ein oder aus',
    talk: 'Zum Sprechen halten, wenn du das für dein Mikrofon gewählt hast',
    camera: 'Kamera ein oder aus',
    screen: 'Bildschirm teilen oder nicht mehr teilen',
    layout: 'Ansicht wechseln',
    stats: 'Details zur Verbindung',
    ring: 'Zum klingelnden Anruf',
    help: 'Diese Liste',
    switchChannel: 'Voriges oder nächstes Gespräch',
    switchUnread: 'Voriges oder nächstes Gespräch mit Ungelesenem',
    switcher: 'Zu einem Gespräch gehen oder suchen',
    escape: 'Schließen, was offen ist, dann als gelesen markieren',
    rows: 'Von Nachricht zu Nachricht',
    editLast: 'Deine letzte Nachricht bearbeiten',
    sendKey: 'Nachricht senden',
    newline: 'Neue Zeile',
    whileTyping: (what) => `${what} (auch beim Tippen)`,
    who: 'Ansagen, wer spricht',
    pin: 'Kachel im Fokus anheften',
    tiles: 'Von Kachel zu Kachel',
    tileMenu: 'Menü der Kachel im Fokus',
    nobodySpeaks: 'Niemand spricht',
  },
};
