/** Starts the page: the sign-in at once, the client and the views when somebody comes in, each part when it is needed. */
import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import { atGuestDoor, banned, signedIn, TOKEN_KEY } from './door';
import { language, startLanguage } from './language';
import { followTheme } from './prefs';
import { route, startRouter } from './router';
import { SignIn } from './sign-in';
import { t } from './strings';
import { Boundary } from './ui/boundary';
import { lazy } from './ui/lazy';
import './styles/tokens.css';
import './styles/base.css';
import './styles/sign-in.css';

const loadPage = () => import('./page');
const Page = lazy(() => loadPage().then((m) => m.Page));
/** Somebody was inside: what was said on leaving is still to be shown. */
const entered = signal(false);

function App() {
  const guest = atGuestDoor.value;
  return (
    <Boundary name="page" key={language.value}>
      {!signedIn.value && !banned.value && !guest && <SignIn hint={route.value.name === 'invite' ? t.guest.signInFirst : ''} />}
      {(entered.value || guest) && <Page />}
    </Boundary>
  );
}

followTheme();
startRouter();

effect(() => {
  document.documentElement.dataset['signedIn'] = String(signedIn.value);
  if (signedIn.value) entered.value = true;
});

if (sessionStorage.getItem(TOKEN_KEY)) {
  signedIn.value = true;
  // A page that did not come says so itself, with a button to try again.
  loadPage().then((m) => m.resume(), () => {});
} else {
  // There while somebody still types a password.
  addEventListener('load', () => Page.preload(), { once: true });
}

void startLanguage().then(() => {
  const root = document.getElementById('app');
  if (root) render(<App />, root);
});
