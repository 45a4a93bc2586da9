/** The page of somebody who is, or was, signed in. It brings the client with it; without it there is only the sign-in. */
import { effect } from '@preact/signals';
import { Announcer } from './a11y/announcer';
import { expectCall } from './call/expected';
import { convene, tokens } from './client';
import { connectDevices } from './devices/acts';
import { connectIntents } from './intents';
import { atGuestDoor, banned, callGoesOn, signedIn, signingIn } from './door';
import { route } from './router';
import { connectStore, inCall, me, restored } from './store';
import { exposeTestHandle } from './test-handle';
import { lazy } from './ui/lazy';
import { Toasts } from './ui/toasts';

const GuestLobby = lazy(() => import('./guest/guest-lobby').then((m) => m.GuestLobby));
const BannedPage = lazy(() => import('./banned').then((m) => m.BannedPage));
const Shell = lazy(() => import('./shell').then((m) => m.Shell));

connectStore();
connectIntents();
connectDevices();
exposeTestHandle();
effect(() => {
  callGoesOn.value = inCall.value;
});

addEventListener('online', () => {
  convene.session.probe();
  // Another network has other addresses: they are only found by a restart.
  convene.call.networkChanged();
});
addEventListener('offline', () => convene.session.suspect());
addEventListener('pageshow', (event) => {
  if (event.persisted) convene.session.probe();
});
addEventListener('beforeunload', (event) => {
  const { phase, participants } = convene.call.state;
  if (phase === 'joined' && (participants.length > 1 || convene.local.state.screenTrack)) event.preventDefault();
});

// Rows of people who did not come back; nobody waits for it.
void convene.tail.expire();

if (atGuestDoor.value) {
  GuestLobby.preload();
  // So that joining does not wait for it.
  if (!signedIn.value) addEventListener('load', expectCall, { once: true });
} else {
  // While somebody still types a password.
  Shell.preload();
}

/** With the session of an earlier visit. */
export function resume(): void {
  void convene.restore(tokens.user()).then((who) => {
    if (!who) return;
    me.value ??= who;
    restored.value = true;
  });
  convene.start();
}

export function Page() {
  return (
    <>
      <View />
      <Toasts />
      <Announcer />
    </>
  );
}

function View() {
  const at = route.value;
  if (atGuestDoor.value && at.name === 'invite') return <GuestLobby key={at.code} code={at.code} onSignIn={() => (signingIn.value = true)} />;
  if (signedIn.value) return <Shell />;
  return banned.value ? <BannedPage /> : null;
}
