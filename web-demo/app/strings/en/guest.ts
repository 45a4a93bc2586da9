import { outside } from './outside';

/** What a guest reads at the door, and without chat. */
export const guest = {
  guest: {
    ...outside.guest,
    title: (name: string) => `Join ${name}`,
    name: 'Your name',
    nameHint: 'The others see it.',
    nameMissing: 'Enter your name first.',
    nameRefused: 'This name cannot be used. Try a shorter one.',
    join: 'Join',
    ask: 'Ask to join',
    listen: 'Join to listen',
    entering: 'Coming in…',
    mustAsk: 'Somebody inside has to let you in.',
    account: 'I have an account',
    stranger: (me: string, where: string) => `You are signed in as ${me}, who is not in ${where}. Ask somebody in it to add you, or go in as a guest: this tab is signed out then.`,
    waiting: 'Waiting to be let in',
    waitingText: (where: string) => `The people of ${where} were told that you are here. You are in as soon as one of them says yes.`,
    offlineWaiting: 'Connection lost, trying again. Your place is kept for a minute.',
    stop: 'Stop waiting',
    admitted: 'You were let in',
    here: (name: string) => `You are here as a guest: ${name}`,
    leave: 'Leave for good',
    toCall: 'To the call',
    removed: 'You are not in this conversation any more.',
    /** On the page of the sign-in. */
    link: {
      have: 'I have a meeting link',
      field: 'Meeting link or code',
      open: 'Open',
      missing: 'Paste the link that you were sent, or only its code.',
      wrong: (example: string) => `This is not a meeting link. One looks like ${example}, and ends with a code of 22 characters.`,
      elsewhere: (host: string) => `This link leads to ${host}, not to this server. Paste it into the address bar of your browser.`,
    },
    /** Why nobody comes in by the link, by code. */
    failed: {
      'not_found.invite': { title: 'There is no such link', text: 'Check that all of it was copied, or ask whoever sent it to you for a new one.' },
      'invite.gone': { title: 'This link does not work any more', text: 'It has expired, was taken back, or was used as often as it may be. Ask whoever sent it to you for a new one.' },
      'limit.rate': { title: 'Too many tries at once', text: 'Many requests came from your network. Wait a minute, then try again.' },
      'client.offline': { title: 'The server cannot be reached', text: 'Check your connection and try again.' },
      'server.draining': { title: 'The server is being restarted', text: 'Try again in a moment.' },
      other: { title: 'The link could not be opened', text: 'Something went wrong on the way. Try again in a moment.' },
    } as Record<string, { title: string; text: string }>,
    /** How a stay can end, and what can be done. */
    over: {
      refused: { title: 'You were not let in', text: 'Somebody inside said no. If that was a mistake, ask them and knock again.', action: 'Back to the door' },
      unanswered: { title: 'Nobody answered', text: 'Nobody inside has decided for ten minutes.', action: 'Ask again' },
      full: { title: 'Many people wait at this door', text: 'There is no more room to wait. Try again in a moment.', action: 'Try again' },
      revoked: { title: 'You are not a guest here any more', text: 'The link that you came by was taken back, or your stay was ended. The call is over for you.', action: 'Look again' },
      expired: { title: 'Your time as a guest is over', text: 'A link lets you stay for twelve hours at most. If it still works, you can come in again.', action: 'Come in again' },
      replaced: { title: 'You are here in another tab', text: 'Go on there, or come in again here.', action: 'Come in again' },
      left: { title: 'You left', text: 'If the link still works, you can come in again.', action: 'Come in again' },
    } as Record<string, { title: string; text: string; action: string }>,
  },
} as const;
