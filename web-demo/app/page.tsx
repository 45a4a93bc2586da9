/** The page of somebody who is, or was, signed in. It brings the client with it; without it there is only the sign-in. */
import { effect } from '@preact/signals';
import { Announcer } from './a11y/announcer';
import { BannedPage } from './banned';
import { convene } from './client';
import { connectDevices } from './devices/acts';
import { connectIntents } from './intents';
import { banned, callGoesOn, signedIn } from './door';
import { connectStore, inCall } from './store';
import { exposeTestHandle } from './test-handle';
import { lazy } from './ui/lazy';
import { Toasts } from './ui/toasts';

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
addEventListener('pageshow', (event) => {
  if (event.persisted) convene.session.probe();
});
addEventListener('beforeunload', (event) => {
  const { phase, participants } = convene.call.state;
  if (phase === 'joined' && (participants.length > 1 || convene.local.state.screenTrack)) event.preventDefault();
});

/** While somebody still types a password. */
Shell.preload();

/** With the session of an earlier visit. */
export function resume(): void {
  convene.start();
}

export function Page() {
  return (
    <>
      {signedIn.value ? <Shell /> : banned.value && <BannedPage />}
      <Toasts />
      <Announcer />
    </>
  );
}
