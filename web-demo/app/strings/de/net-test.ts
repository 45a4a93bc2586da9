import type { netTest as english } from '../en/net-test';
import type { Words } from '../words';
import { number, decimal } from './words';

export const netTest: Words<typeof english> = {
  netTest: {
    title: 'Verbindungstest',
    intro: 'Prüft, was ein Anruf braucht: den Server, deine Geräte und jeden Weg, auf dem dein Netz Ton und Bild durchlässt. Das dauert etwa zehn Sekunden, und niemand wird angerufen.',
    start: 'Starten',
    running: 'Test läuft …',
    again: 'Noch einmal testen',
    copy: 'Bericht kopieren',
    copied: 'Der Bericht ist in deiner Zwischenablage. Er enthält keine Namen und keine Adressen.',
    notCopied: 'Der Bericht konnte nicht kopiert werden. Dein Browser hat es nicht erlaubt.',
    steps: {
      signalling: { name: 'Server', hint: 'Chat, Klingeln und der Beginn von Anrufen' },
      microphone: { name: 'Mikrofon', hint: 'Darf diese Seite es benutzen, und hört es etwas?' },
      camera: { name: 'Kamera', hint: 'Darf diese Seite sie benutzen?' },
      speaker: { name: 'Lautsprecher', hint: 'Zwei Töne werden abgespielt' },
      udp: { name: 'Anruf, direkt', hint: 'UDP: der beste Weg' },
      tcp: { name: 'Anruf über TCP', hint: 'Für Netze, die UDP sperren' },
      turn: { name: 'Anruf über ein Relais', hint: 'Für Netze, die wenig mehr als Webseiten erlauben' },
      upload: { name: 'Upload', hint: 'Was du auf dem besten Weg senden kannst' },
    },
    states: { waiting: 'Nicht getestet', running: 'Test läuft …', ok: 'Funktioniert', weak: 'Nicht gut', failed: 'Funktioniert nicht', skipped: 'Nicht angeboten' },
    numbers: (rttMs, loss) =>
      loss === undefined ? `${number(Math.round(rttMs))} ms` : `${number(Math.round(rttMs))} ms, ${decimal(loss * 100, loss > 0 && loss < 0.1 ? 1 : 0)} % verloren`,
    megabits: (n) => `${n} Mbit/s`,
    lost: (n) => `${n} % verloren`,
    silent: 'Geöffnet, aber es ist nichts zu hören',
    played: 'Abgespielt',
    heard: 'Hast du zwei Töne gehört?',
    heardYes: 'Ja',
    heardNo: 'Nein',
    verdicts: {
      good: { title: 'Anrufe werden gut funktionieren', advice: 'Ton und Bild nehmen den direkten Weg.' },
      weak: {
        title: 'Anrufe werden funktionieren, mit Lücken',
        advice: 'Die Verbindung ist langsam oder verliert Pakete, auf dem Weg zum Server oder zurück. Geh näher an deinen Router, nimm ein Kabel oder stoppe große Downloads.',
      },
      tcp: {
        title: 'Anrufe werden funktionieren, etwas langsamer',
        advice: 'Dein Netz sperrt UDP, deshalb nehmen Anrufe TCP. Mit einer guten Verbindung ist das in Ordnung. Wenn Anrufe stocken, bitte die Betreiber deines Netzes, UDP zu diesem Server zu erlauben.',
      },
      relay: {
        title: 'Anrufe werden über ein Relais funktionieren',
        advice: 'Dein Netz erlaubt weder UDP noch den direkten TCP-Port. Anrufe nehmen einen Umweg. Wenn sie stocken, bitte die Betreiber deines Netzes, UDP zu diesem Server zu erlauben.',
      },
      blocked: {
        title: 'Anrufe werden hier nicht funktionieren',
        advice: 'Der Chat funktioniert, aber dein Netz lässt weder Ton noch Bild durch. Versuche ein anderes Netz, zum Beispiel den Hotspot eines Telefons, oder schicke den Bericht an die Betreiber deines Netzes.',
      },
      offline: { title: 'Der Server ist nicht erreichbar', advice: 'Prüfe deine Internetverbindung und teste dann noch einmal.' },
    },
    deviceAdvice: {
      microphone: 'Das Mikrofon ließ sich nicht öffnen. Erlaube es in der Adressleiste deines Browsers und prüfe, ob es eingesteckt ist und kein anderes Programm es benutzt.',
      silent: 'Das Mikrofon lässt sich öffnen, aber es ist nichts zu hören. Prüfe, ob es am Gerät oder im System stummgeschaltet ist und ob das richtige gewählt ist.',
      speaker: 'Du hast die Töne nicht gehört, oder sie ließen sich nicht abspielen. Prüfe die Lautstärke des Systems und welcher Lautsprecher dort gewählt ist.',
      camera: 'Die Kamera ließ sich nicht öffnen. Erlaube sie in der Adressleiste deines Browsers und prüfe, ob sie eingesteckt ist und kein anderes Programm sie benutzt.',
    },
  },
};
