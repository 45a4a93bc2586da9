import type { devices as en } from '../en/devices';
import type { Words } from '../words';

export const devices: Words<typeof en> = {
  devices: {
    title: 'Ton und Kamera',
    open: 'Einstellungen für Ton und Kamera',
    ring: 'Klingeln auf',
    ringTest: 'Test',
    lost: (label, now) => (now ? `${label} ist getrennt. Jetzt läuft ${now}.` : `${label} ist getrennt.`),
    returned: (label) => `${label} ist zurück und wird benutzt.`,
    substituted: (now) => `Das gewählte Gerät ist nicht verbunden. Jetzt läuft ${now}.`,
    offered: (label) => `${label} ist verbunden.`,
    use: 'Benutzen',
    change: 'Ändern',
    unknown: { mic: 'Das Mikrofon', camera: 'Die Kamera', speaker: 'Der Lautsprecher' },
    defaultSpeaker: 'der Lautsprecher des Systems',
    phoneSpeaker: 'Den Lautsprecher wählt dein Telefon oder Browser.',
    talking: 'Wann man mich hört',
    talkModes: { open: 'Solange das Mikrofon an ist', hold: 'Nur, während ich eine Taste halte' },
    talkKey: 'Taste zum Halten',
    talkKeySet: 'Drücke eine Taste …',
    talkHint: 'Eine Webseite hört keine Tasten, während eine andere App vorn ist.',
    release: 'Mikrofon schließen, während ich stumm bin',
    releaseHint: 'Die Anzeige des Systems geht aus. Das Einschalten dauert dann etwas länger.',
    talkNotice: 'Bescheid geben, wenn ich stumm spreche',
    keys: { Space: 'Leertaste' },
  },

  permission: {
    allow: { mic: 'Mikrofon erlauben', camera: 'Kamera erlauben' },
    notAsked: {
      mic: 'Dein Browser fragt oben im Fenster nach dem Mikrofon. Wähle „Zulassen“.',
      camera: 'Dein Browser fragt oben im Fenster nach der Kamera. Wähle „Zulassen“.',
    },
    picture: 'Zulassen',
    denied: {
      chrome: {
        mic: 'Das Mikrofon ist gesperrt. Klicke auf das Symbol links neben der Adresse und setze Mikrofon auf Zulassen.',
        camera: 'Die Kamera ist gesperrt. Klicke auf das Symbol links neben der Adresse und setze Kamera auf Zulassen.',
      },
      firefox: {
        mic: 'Das Mikrofon ist gesperrt. Klicke auf das durchgestrichene Mikrofon in der Adressleiste und entferne „Blockiert“. Hake beim nächsten Mal „Merken“ an.',
        camera: 'Die Kamera ist gesperrt. Klicke auf die durchgestrichene Kamera in der Adressleiste und entferne „Blockiert“. Hake beim nächsten Mal „Merken“ an.',
      },
      safari: {
        mic: 'Das Mikrofon ist gesperrt. Öffne aA oder das Seitenmenü, dann Website-Einstellungen, und setze Mikrofon auf Erlauben. Hilft das nicht, sieh in den Einstellungen des Systems unter Safari nach.',
        camera: 'Die Kamera ist gesperrt. Öffne aA oder das Seitenmenü, dann Website-Einstellungen, und setze Kamera auf Erlauben. Hilft das nicht, sieh in den Einstellungen des Systems unter Safari nach.',
      },
    },
    reload: 'Neu laden',
    dismissed: {
      mic: 'Die Frage wurde ohne Antwort geschlossen. Drücke den Knopf und wähle „Zulassen“.',
      camera: 'Die Frage wurde ohne Antwort geschlossen. Drücke den Knopf und wähle „Zulassen“.',
    },
    system: {
      mac: {
        mic: 'macOS sperrt das Mikrofon. Öffne Systemeinstellungen, Datenschutz & Sicherheit, Mikrofon, und erlaube deinen Browser. Starte ihn dann neu.',
        camera: 'macOS sperrt die Kamera. Öffne Systemeinstellungen, Datenschutz & Sicherheit, Kamera, und erlaube deinen Browser. Starte ihn dann neu.',
      },
      windows: {
        mic: 'Windows sperrt das Mikrofon. Öffne Einstellungen, Datenschutz und Sicherheit, Mikrofon, und erlaube Desktop-Apps.',
        camera: 'Windows sperrt die Kamera. Öffne Einstellungen, Datenschutz und Sicherheit, Kamera, und erlaube Desktop-Apps.',
      },
      other: {
        mic: 'Dein System sperrt das Mikrofon. Erlaube deinen Browser in den Datenschutzeinstellungen des Systems.',
        camera: 'Dein System sperrt die Kamera. Erlaube deinen Browser in den Datenschutzeinstellungen des Systems.',
      },
    },
    missing: { mic: 'Kein Mikrofon gefunden. Du kannst trotzdem beitreten und zuhören.', camera: 'Keine Kamera gefunden. Du kannst trotzdem beitreten.' },
    busy: {
      mic: 'Eine andere App benutzt dein Mikrofon. Schließe sie und versuche es dann noch einmal.',
      camera: 'Eine andere App benutzt deine Kamera. Schließe sie und versuche es dann noch einmal.',
    },
    gone: { mic: 'Das gewählte Mikrofon ist nicht verbunden.', camera: 'Die gewählte Kamera ist nicht verbunden.' },
    unsupported: {
      mic: 'Dieser Browser gibt hier kein Mikrofon frei. Dafür braucht es eine sichere Adresse (https).',
      camera: 'Dieser Browser gibt hier keine Kamera frei. Dafür braucht es eine sichere Adresse (https).',
    },
    unknown: { mic: 'Das Mikrofon ist nicht angesprungen.', camera: 'Die Kamera ist nicht angesprungen.' },
  },
};
