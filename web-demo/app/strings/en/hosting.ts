/** Hands, reactions, and what hosts do in a call. */
import { plural } from './words';

const ordinals = new Intl.PluralRules('en', { type: 'ordinal' });
const endings: Partial<Record<Intl.LDMLPluralRule, string>> = { one: 'st', two: 'nd', few: 'rd' };
const nth = (n: number): string => `${n}${endings[ordinals.select(n)] ?? 'th'}`;

export const hosting = {
  hosting: {
    hand: 'Raise hand',
    handUp: (n: number) => (n === 1 ? 'Your hand is up. You are next.' : `Your hand is up, ${nth(n)} in line.`),
    handDown: 'Your hand is down.',
    handLowered: 'A host lowered your hand.',
    raised: (name: string, n: number) => `${name} raised a hand, ${nth(n)} in line`,
    tileHand: (n: number) => `hand raised ${nth(n)}`,
    lowerHand: 'Lower hand',
    hands: (names: readonly string[], more: number) => `${plural(names.length + more, '# hand', '# hands')}: ${names.join(', ')}${more > 0 ? ` +${more}` : ''}`,
    stillUp: 'Your hand is still up.',
    keepUp: 'Keep it up',

    react: 'React',
    reactions: { '👍': 'Thumbs up', '❤️': 'Heart', '😂': 'Laughing', '😮': 'Surprised', '🎉': 'Party', '👏': 'Clapping' } as Record<string, string>,
    reacted: (name: string, emoji: string) => `${name} reacts ${emoji}`,
    youReacted: (what: string) => `You react: ${what}`,
    more: (n: number) => `+${n}`,
    readReactions: 'Read reactions out',
    dontReadReactions: 'Do not read reactions out',
    readOn: 'Reactions are read out',
    readOff: 'Reactions are not read out',

    people: (n: number) => `People, ${n}`,
    micOn: 'microphone on',
    micOff: 'microphone off',
    chat: 'Chat',
    chatUnread: (n: number) => `Chat, ${n} unread`,
    closePanel: 'Close',

    muted: (name: string) => `${name} is muted.`,
    undo: 'Undo',
    undoMute: 'Take the mute back',
    undone: (name: string) => `The mute of ${name} is taken back.`,
    undoLate: 'That was too long ago. Ask to unmute instead.',
    muteTakenBack: 'The host took that back. Your microphone is on again.',
    askUnmute: 'Ask to unmute',
    asked: (name: string) => `${name} was asked to unmute.`,
    removed: (name: string) => `${name} was removed from the call.`,
    asksYou: (name: string) => `${name} asks you to unmute`,
    unmute: 'Unmute',
    notNow: 'Not now',
    promptKey: 'F8 moves to Unmute',

    lock: 'Lock call',
    unlock: 'Unlock call',
    lockedShort: 'Locked',
    locked: 'The call is locked. Nobody new can join.',
    unlocked: 'The call is open again.',
    lockedOut: 'This call is locked. Ask somebody who is in it to let you in.',
    lockedHost: 'This call is locked. You can join because you host it.',
    failed: 'That did not work. Try again.',
    errors: {
      'limit.rate': 'That was too often. Wait a moment.',
      'perm.denied': 'Only hosts may do this.',
      'call.not_in_call': 'They are not in the call any more.',
      'call.ended': 'This call has already ended.',
    } as Record<string, string>,
  },
} as const;
