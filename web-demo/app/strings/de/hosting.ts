import type { hosting as en } from '../en/hosting';
import type { Words } from '../words';
import { number, plural } from './words';

export const hosting: Words<typeof en> = {
  hosting: {
    hand: 'Hand heben',
    handUp: (n) => (n === 1 ? 'Deine Hand ist oben. Du bist als Nächstes dran.' : `Deine Hand ist oben, an ${number(n)}. Stelle.`),
    handDown: 'Deine Hand ist unten.',
    handLowered: 'Die Leitung hat deine Hand gesenkt.',
    raised: (name, n) => `${name} hat die Hand gehoben, an ${number(n)}. Stelle`,
    tileHand: (n) => `Hand gehoben, an ${number(n)}. Stelle`,
    lowerHand: 'Hand senken',
    hands: (names, more) => `${plural(names.length + more, '# Hand', '# Hände')}: ${names.join(', ')}${more > 0 ? ` +${number(more)}` : ''}`,
    stillUp: 'Deine Hand ist noch oben.',
    keepUp: 'Oben lassen',

    react: 'Reagieren',
    reactions: { '👍': 'Daumen hoch', '❤️': 'Herz', '😂': 'Lachen', '😮': 'Staunen', '🎉': 'Feiern', '👏': 'Applaus' } as Record<string, string>,
    reacted: (name, emoji) => `${name} reagiert mit ${emoji}`,
    youReacted: (what) => `Du reagierst: ${what}`,
    more: (n) => `+${number(n)}`,
    readReactions: 'Reaktionen vorlesen',
    dontReadReactions: 'Reaktionen nicht vorlesen',
    readOn: 'Reaktionen werden vorgelesen',
    readOff: 'Reaktionen werden nicht vorgelesen',

    people: (n) => `Personen, ${number(n)}`,
    micOn: 'Mikrofon an',
    micOff: 'Mikrofon aus',
    chat: 'Chat',
    chatUnread: (n) => `Chat, ${number(n)} ungelesen`,
    closePanel: 'Schließen',

    muted: (name) => `${name} ist stummgeschaltet.`,
    undo: 'Rückgängig',
    undoMute: 'Stummschalten zurücknehmen',
    undone: (name) => `${name} ist nicht mehr stummgeschaltet.`,
    undoLate: 'Das ist zu lange her. Bitte stattdessen darum, das Mikrofon einzuschalten.',
    muteTakenBack: 'Die Leitung hat das zurückgenommen. Dein Mikrofon ist wieder an.',
    askUnmute: 'Bitten, das Mikrofon einzuschalten',
    asked: (name) => `${name} wurde gebeten, das Mikrofon einzuschalten.`,
    removed: (name) => `${name} wurde aus dem Anruf entfernt.`,
    asksYou: (name) => `${name} bittet dich, dein Mikrofon einzuschalten`,
    unmute: 'Einschalten',
    notNow: 'Jetzt nicht',
    promptKey: 'F8 springt zu Einschalten',

    lock: 'Anruf sperren',
    unlock: 'Anruf entsperren',
    lockedShort: 'Gesperrt',
    locked: 'Der Anruf ist gesperrt. Niemand kann mehr beitreten.',
    unlocked: 'Der Anruf ist wieder offen.',
    lockedOut: 'Dieser Anruf ist gesperrt. Bitte jemanden, der darin ist, dich hereinzulassen.',
    lockedHost: 'Dieser Anruf ist gesperrt. Du kannst beitreten, weil du ihn leitest.',
    failed: 'Das hat nicht geklappt. Versuche es noch einmal.',
    errors: {
      'limit.rate': 'Das war zu oft. Warte einen Moment.',
      'perm.denied': 'Das darf nur die Leitung.',
      'call.not_in_call': 'Diese Person ist nicht mehr im Anruf.',
      'call.ended': 'Dieser Anruf ist schon beendet.',
    } as Record<string, string>,
  },
};
