/** Starts the page: client first, then the views, each part of the code when it is needed. */
import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import { Announcer } from './a11y/announcer';
import { convene, tokens } from './client';
import { BannedPage } from './banned';
import { connectDevices } from './devices/acts';
import { connectIntents } from './intents';
import { followTheme } from './prefs';
import { route, startRouter } from './router';
import { SignIn } from './sign-in';
import { banned, connectStore, me, restored, signedIn } from './store';
import { t } from './strings';
import { exposeTestHandle } from './test-handle';
import { lazy } from './ui/lazy';
import { Boundary } from './ui/boundary';
import { Toasts } from './ui/toasts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/sign-in.css';

const Shell = lazy(() => import('./shell').then((m) => m.Shell));
const GuestLobby = lazy(() => import('./guest/guest-lobby').then((m) => m.GuestLobby));
/** Who opened a link has an account after all. */
const signingIn = signal(false);

function App() {
  return (
    <Boundary name="page">
      <Page />
      <Toasts />
      <Announcer />
    </Boundary>
  );
}

function Page() {
  const at = route.value;
  if (banned.value && !signedIn.value) return <BannedPage />;
  if (at.name === 'invite' && (signedIn.value || !signingIn.value)) return <GuestLobby key={at.code} code={at.code} onSignIn={() => (signingIn.value = true)} />;
  return signedIn.value ? <Shell /> : <SignIn hint={at.name === 'invite' ? t.guest.signInFirst : ''} />;
}

followTheme();
startRouter();
connectStore();
connectIntents();
connectDevices();
exposeTestHandle();

// Rows of people who did not come back; not at once, for nobody waits for it.
addEventListener('load', () => void convene.tail.expire(), { once: true });

addEventListener('online', () => {
  convene.session.probe();
  // Another network has other addresses: they are only found by a restart.
  convene.call.networkChanged();
});
addEventListener('pageshow', (event) => {
  if (event.persisted) convene.session.probe();
});
addEventListener('beforeunload', (event) => {
  const { phase, participants } = convene.call.state;
  if (phase === 'joined' && (participants.length > 1 || convene.local.state.screenTrack)) event.preventDefault();
});

const invited = route.value.name === 'invite';
if (invited) GuestLobby.preload();
if (tokens.get()) {
  signedIn.value = true;
  void convene.restore(tokens.user()).then((who) => {
    if (!who) return;
    me.value ??= who;
    restored.value = true;
  });
  convene.start();
} else {
  // There while somebody still types a password.
  addEventListener('load', () => Shell.preload(), { once: true });
  // So that joining does not wait for it.
  if (invited) addEventListener('load', () => void import('./call/call-view').catch(() => {}), { once: true });
}

const root = document.getElementById('app');
if (root) render(<App />, root);

effect(() => {
  document.documentElement.dataset['signedIn'] = String(signedIn.value);
});
