/** Paths of the page. The call is not one of the things a path owns. */
import { signal } from '@preact/signals';

export type Route =
  | { name: 'home' }
  | { name: 'channel'; ref: string }
  | { name: 'dm'; ref: string }
  | { name: 'lobby'; ref: string; video: boolean }
  | { name: 'call' }
  /** A link for guests. */
  | { name: 'invite'; code: string }
  | { name: 'calls' }
  | { name: 'test' }
  | { name: 'admin'; tab: AdminTab };

export const ADMIN_TABS = ['overview', 'people', 'rooms', 'rings', 'reports', 'bans', 'words', 'policy', 'log'] as const;
export type AdminTab = (typeof ADMIN_TABS)[number];

export function parse(path: string, search = ''): Route {
  const [, head = '', ref = ''] = path.split('/').map((p) => {
    try {
      return decodeURIComponent(p);
    } catch {
      return '';
    }
  });
  if (head === 'c' && ref) return { name: 'channel', ref };
  if (head === 'dm' && ref) return { name: 'dm', ref };
  if (head === 'lobby' && ref) return { name: 'lobby', ref, video: new URLSearchParams(search).get('video') === '1' };
  if (head === 'j' && ref) return { name: 'invite', code: ref };
  if (head === 'call') return { name: 'call' };
  if (head === 'calls') return { name: 'calls' };
  if (head === 'test') return { name: 'test' };
  if (head === 'admin') return { name: 'admin', tab: ADMIN_TABS.find((tab) => tab === ref) ?? 'overview' };
  return { name: 'home' };
}

export function pathOf(route: Route): string {
  switch (route.name) {
    case 'home':
      return '/';
    case 'channel':
      return `/c/${encodeURIComponent(route.ref)}`;
    case 'dm':
      return `/dm/${encodeURIComponent(route.ref)}`;
    case 'lobby':
      return `/lobby/${encodeURIComponent(route.ref)}${route.video ? '?video=1' : ''}`;
    case 'call':
      return '/call';
    case 'invite':
      return `/j/${encodeURIComponent(route.code)}`;
    case 'calls':
      return '/calls';
    case 'test':
      return '/test';
    case 'admin':
      return `/admin/${route.tab}`;
  }
}

export const route = signal<Route>({ name: 'home' });

export function startRouter(): void {
  const read = () => (route.value = parse(location.pathname, location.search));
  addEventListener('popstate', read);
  read();
}

export function go(to: Route, replace = false): void {
  const path = pathOf(to);
  if (path !== location.pathname + location.search) {
    if (replace) history.replaceState(null, '', path);
    else history.pushState(null, '', path);
  }
  route.value = to;
}
