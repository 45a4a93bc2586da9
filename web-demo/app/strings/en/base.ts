export const base = {
  app: 'Convene',
  tagline: 'Calls and chat for your team, on your own server.',
  skipToContent: 'Skip to content',
  skipToComposer: 'Skip to the message box',
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back',
  retry: 'Try again',
  you: 'You',
  someone: 'Someone',
  loading: 'Loading…',
  notices: 'Notices',
  crash: {
    title: 'This part of the page stopped working.',
    call: 'Your call goes on. Reopen this part to continue.',
    reopen: 'Reopen',
  },
} as const;
