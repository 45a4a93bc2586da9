import { plural } from './words';

/** Of the administration: what is said outside of its views. */
export const desk = {
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
} as const;
