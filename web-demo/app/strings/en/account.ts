export const account = {
  signIn: {
    title: 'Sign in',
    username: 'Username',
    password: 'Password',
    showPassword: 'Show password',
    submit: 'Sign in',
    busy: 'Signing in…',
    wrong: 'That username and password do not match. Check both and try again.',
    offline: 'The server cannot be reached. Check your connection and try again.',
    limited: 'Too many attempts. Wait a moment, then try again.',
    other: (code: string) => `Signing in did not work (${code}). Try again in a moment.`,
    required: 'Enter your username and password.',
    expired: 'Your session has ended. Sign in again to go on.',
    banned: 'This account has been banned. Ask your administrator if you think that is wrong.',
    revoked: 'You were signed out here. Sign in again to go on.',
    replaced: 'This page was opened elsewhere with the same session. Sign in again to use it here.',
  },

  presence: { online: 'Online', away: 'Away', dnd: 'Do not disturb', invisible: 'Invisible', offline: 'Offline' },

  banned: {
    title: 'You are banned from this server',
    reason: (reason: string) => `Reason: ${reason}`,
    until: (when: string) => `The ban is over on ${when}. You can sign in again then.`,
    forGood: 'The ban has no end.',
    appeal: 'Ask your administrator if you think that is wrong.',
    back: 'To the sign-in page',
  },
} as const;
