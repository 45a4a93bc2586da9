import type { network as en } from '../en/network';
import type { Words } from '../words';
import { list, plural } from './words';

export const network: Words<typeof en> = {
  network: {
    slow: 'Dein Internet ist langsam. Wir empfangen Videos jetzt in geringerer Qualität, damit der Ton klar bleibt.',
    stopVideo: 'Kein Video empfangen',
    starved: 'Vorerst nur Ton. Das Video kommt zurück, wenn es besser wird.',
    busy: 'Dieser Computer ist ausgelastet. Bei anderen ruckelt vielleicht dein Bild.',
    smaller: 'Mein Video verkleinern',
    weak: (name) => `Die Verbindung von ${name} ist schwach`,
  },

  saver: {
    title: 'Daten sparen',
    small: 'Mein Video klein senden',
    cameras: 'Keine Kameras von anderen zeigen',
    screens: 'Keine geteilten Bildschirme zeigen',
    smallOn: 'Dein Video wird klein gesendet',
    held: 'Nicht gezeigt, um Daten zu sparen',
  },

  comings: {
    switch: 'Bescheid geben, wenn jemand beitritt oder geht, in Anrufen mit bis zu 8 Personen',
    came: (names, more) =>
      more > 0 ? `${names.join(', ')} und ${plural(more, '# weitere Person', '# weitere')} sind beigetreten` : `${list.format(names)} ${names.length === 1 ? 'ist' : 'sind'} beigetreten`,
    went: (names, more) =>
      more > 0 ? `${names.join(', ')} und ${plural(more, '# weitere Person', '# weitere')} haben den Anruf verlassen` : `${list.format(names)} ${names.length === 1 ? 'hat' : 'haben'} den Anruf verlassen`,
  },

  pip: {
    open: 'Kleines Fenster',
    close: 'Das kleine Fenster schließen',
    title: 'Anruf',
    back: 'Zurück zum Anruf',
    opened: 'Der Anruf ist jetzt auch in einem kleinen Fenster',
    closed: 'Das kleine Fenster ist geschlossen',
    failed: 'Das kleine Fenster ließ sich nicht öffnen.',
    nobody: 'Das kleine Fenster braucht ein Bild, und niemand hat die Kamera an.',
    automatic: 'Das kleine Fenster öffnen, wenn ich einen anderen Tab ansehe',
    micOn: 'Mikrofon an',
    micOff: 'Mikrofon aus',
  },
};
