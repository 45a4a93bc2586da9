/** From a link into the call. What happens by itself on the way is followed here, beside the views. */
import { effect } from '@preact/signals';
import { codeOf, enterAsGuest, type ShownInvite } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene, tokens } from '../client';
import { endSession, endStay, joinFromLobby } from '../intents';
import { guestName, speakerDevice } from '../prefs';
import { go } from '../router';
import { channelsById, me, signedIn, status } from '../store';
import { t } from './texts';
import { guestPhase, keepStay, stay } from './stay';

/** How this page wanted to come in; after a reload nobody has pressed anything yet. */
let listenOnly: boolean | null = null;

/** Gives the code of what went wrong, or nothing: then it goes on by itself. */
export async function comeIn(code: string, shown: ShownInvite, name: string, onlyListen: boolean): Promise<string> {
  if (guestPhase.peek() === 'entering') return '';
  const { local, call } = convene;
  // Within the click, for browsers that start no sound later.
  call.sink.start();
  void call.sink.useSpeaker(speakerDevice.value);
  listenOnly = onlyListen || !shown.publish;
  if (listenOnly) local.release();
  // The question of the browser and the way to the server take their time together.
  else if (!local.state.micTrack && local.state.micProblem === 'notAsked') void local.open('mic');
  guestPhase.value = 'entering';
  try {
    const { token, user, channelId } = await enterAsGuest('', code, name);
    // Whoever was signed in in this tab is a guest from now on.
    if (signedIn.peek()) endSession(true);
    guestName.value = name;
    tokens.begin({ token, user });
    keepStay({ code, channelId, channelName: shown.channelName });
    me.value = user;
    convene.start();
    return '';
  } catch (error) {
    guestPhase.value = 'form';
    return codeOf(error);
  }
}

/** Nobody answered, or there was no room at the door: the same guest knocks once more. */
export function askAgain(): void {
  guestPhase.value = 'entering';
  convene.session.stop();
  convene.start();
}

/** Whoever waited goes away. */
export function stopWaiting(): void {
  endStay('left', true);
  guestPhase.value = 'form';
}

/** Once, with the first view that shows a link. */
export function followGuest(): void {
  effect(() => {
    const phase = guestPhase.value;
    const { value: here } = stay;
    if (!here || (phase !== 'entering' && phase !== 'waiting')) return;
    const channel = channelsById.value.get(here.channelId);
    if (status.value.phase !== 'ready') return;
    if (channel) {
      guestPhase.value = 'form';
      signedIn.value = true;
      if (phase === 'waiting') announce(t.guest.admitted);
      // Who loaded the page again looks first: a microphone is not switched on behind anybody's back.
      if (listenOnly === null) go({ name: 'lobby', ref: channel.id, video: false }, true);
      else void joinFromLobby(channel, convene.local.state.cameraOn, listenOnly);
    } else if (convene.knocks.outside) {
      guestPhase.value = 'waiting';
    }
  });
  convene.knocks.events.on('unanswered', ({ outcome }) => {
    // The connection was gone for too long, and is back: nobody was asked for their patience yet.
    if (outcome === 'left') askAgain();
    else guestPhase.value = 'unanswered';
  });
}
