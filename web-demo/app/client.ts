/** The one client of this page. It lives outside the views: a crash of a view never ends a call. */
import { CODECS, createConvene, TokenKeeper, type PublishOptions } from '../sdk/index';

const TOKEN_KEY = 'convene.token';

/** `?codec=vp9&scalabilityMode=L3T3_KEY` in the address the page was opened with: for tests and the curious. */
function publishOptions(): PublishOptions {
  const query = new URLSearchParams(location.search);
  const codec = CODECS.find((known) => known === query.get('codec')?.toLowerCase());
  const mode = query.get('scalabilityMode');
  return { ...(codec ? { codec } : {}), ...(mode ? { scalabilityMode: mode } : {}) };
}

/** Kept per tab, so that two tabs can be two people. */
export const tokens = {
  get: (): string | null => sessionStorage.getItem(TOKEN_KEY),
  set: (token: string): void => sessionStorage.setItem(TOKEN_KEY, token),
  clear: (): void => sessionStorage.removeItem(TOKEN_KEY),
};

const device = (): 'desktop' | 'mobile' | 'tablet' => {
  const touch = matchMedia('(pointer: coarse)').matches;
  if (!touch) return 'desktop';
  return Math.min(screen.width, screen.height) < 600 ? 'mobile' : 'tablet';
};

export const convene = createConvene({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
  device: device(),
  client: 'convene-web/0.1.0',
  token: tokens.get,
  publish: publishOptions(),
});

new TokenKeeper(convene.session, '', tokens);
