import { plural } from './words';

/** Of views that bring their texts with them: what is said elsewhere too. */
export const outside = {
  admin: {
    title: 'Administration',
    openReports: (n: number) => plural(n, '# open report', '# open reports'),
    failed: 'The list could not be loaded.',
    more: 'Show more',
    ended: 'Signed out.',
    signInsOf: (name: string) => `Where ${name} is signed in`,
    endAll: 'Sign out everywhere',
    noSignIns: 'Nowhere at the moment.',
    elsewhere: 'a channel you are not in',
    newReport: 'A message was reported.',
    look: 'Look',
  },

  guest: {
    signInFirst: 'Sign in to go in as yourself.',
    listenOnly: 'With this link you listen and watch. Microphone and camera stay off.',
    mayOnlyListen: 'With your link you can only listen.',
  },

  netTest: {
    title: 'Connection test',
  },
} as const;
