/** The one client of this page. It lives outside the views: a crash of a view never ends a call. */
import { CODECS, createConvene, TokenKeeper, type Login, type PublishOptions } from '../sdk/index';
import { TOKEN_KEY } from './door';

const REFRESH_KEY = 'convene.refresh';
const SESSION_KEY = 'convene.session';
/** Whose tab it is; known before the server says so. */
const USER_KEY = 'convene.user';
/** Only a copy of a tab finds its session taken; a tab that was loaded again takes it over sooner. */
const CLAIM_MS = 2_000;

/** `?codec=vp9&scalabilityMode=L3T3_KEY` in the address the page was opened with: for tests and the curious. */
function publishOptions(): PublishOptions {
  const query = new URLSearchParams(location.search);
  const codec = CODECS.find((known) => known === query.get('codec')?.toLowerCase());
  const mode = query.get('scalabilityMode');
  return { ...(codec ? { codec } : {}), ...(mode ? { scalabilityMode: mode } : {}) };
}

let release = () => {};

/**
 * A tab that was duplicated has a copy of everything, the refresh token included, and the server ends a session whose
 * refresh token is shown twice. So the tab that has the session holds a lock on it; a copy makes do with the other token,
 * which renews itself while it lasts.
 */
async function claim(sessionId: string): Promise<void> {
  // Without a secure context there are no locks; such a page is for trying things out.
  if (!sessionId || !navigator.locks) return;
  await new Promise<void>((claimed) => {
    navigator.locks
      .request(`convene.session.${sessionId}`, { signal: AbortSignal.timeout(CLAIM_MS) }, () => {
        claimed();
        return new Promise<void>((done) => (release = done));
      })
      .catch(() => {
        if (sessionStorage.getItem(SESSION_KEY) === sessionId) sessionStorage.removeItem(REFRESH_KEY);
        claimed();
      });
  });
}

let claimed = claim(sessionStorage.getItem(SESSION_KEY) ?? '');

/** Kept per tab, so that two tabs can be two people. */
export const tokens = {
  get: (): string | null => sessionStorage.getItem(TOKEN_KEY),
  set: (token: string): void => sessionStorage.setItem(TOKEN_KEY, token),
  getRefresh: (): string | null => sessionStorage.getItem(REFRESH_KEY),
  setRefresh: (token: string): void => sessionStorage.setItem(REFRESH_KEY, token),
  user: (): string => sessionStorage.getItem(USER_KEY) ?? '',
  ready: (): Promise<void> => claimed,
  /** Somebody signed in. */
  begin: (login: Login): void => {
    tokens.clear();
    tokens.set(login.token);
    sessionStorage.setItem(USER_KEY, login.user.id);
    if (!login.refreshToken || !login.sessionId) return;
    tokens.setRefresh(login.refreshToken);
    sessionStorage.setItem(SESSION_KEY, login.sessionId);
    claimed = claim(login.sessionId);
  },
  clear: (): void => {
    for (const key of [TOKEN_KEY, REFRESH_KEY, SESSION_KEY, USER_KEY]) sessionStorage.removeItem(key);
    release();
  },
};

export const device = (): 'desktop' | 'mobile' | 'tablet' => {
  const touch = matchMedia('(pointer: coarse)').matches;
  if (!touch) return 'desktop';
  return Math.min(screen.width, screen.height) < 600 ? 'mobile' : 'tablet';
};

export const convene = createConvene({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
  device: device(),
  client: 'convene-web/0.1.0',
  token: tokens.get,
  renew: () => keeper.renew(),
  publish: publishOptions(),
});

const keeper = new TokenKeeper(convene.session, '', tokens);
