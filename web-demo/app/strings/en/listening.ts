/** Of guests: what is said outside of their own views. */
export const listening = {
  signInFirst: 'Sign in to go in as yourself.',
  listenOnly: 'With this link you listen and watch. Microphone and camera stay off.',
  mayOnlyListen: 'With your link you can only listen.',
} as const;
