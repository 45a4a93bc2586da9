/** Whose guests I may let in, and how I hear of them. */
import { effect } from '@preact/signals';
import { mayAdd, type Channel, type Knock } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { route } from '../router';
import { activeCalls, call, channelsById, findChannel, isGuest, me, status, titleOf } from '../store';
import { t } from '../strings';

/** More doors than these are not looked at by themselves. */
const MOST_DOORS = 10;

/** Guests come from outside, so not to channels that nobody from outside may see. */
export const mayInvite = (channel: Channel | undefined): channel is Channel =>
  channel !== undefined && !isGuest.value && !channel.isInternal && mayAdd(channel, me.value);

export const whereOf = (one: Knock): string => {
  const channel = channelsById.peek().get(one.channelId);
  return channel ? titleOf(channel) : '';
};

/**
 * Knocks are told as they come. Who waits already is asked where it matters: in the channel that is open, in the call
 * one is in, and where a call runs.
 */
export function followDoors(): () => void {
  const { knocks } = convene;
  let looked = new Set<string>();
  const offKnock = knocks.events.on('knock', (one) => announce(t.invites.said(one.guest.name, whereOf(one))));
  const offOver = knocks.events.on('over', ({ name, outcome }) => announce(t.invites.outcome[outcome]?.(name) ?? t.invites.decided(name)));
  const stop = effect(() => {
    if (status.value.phase !== 'ready') return;
    const at = route.value;
    const open = at.name === 'channel' || at.name === 'lobby' ? findChannel(at.ref)?.id : undefined;
    const running = activeCalls.value.slice(0, MOST_DOORS).map((one) => one.channelId);
    const now = new Set([open, call.value.channelId, ...running].filter((id): id is string => Boolean(id) && mayInvite(channelsById.value.get(id ?? ''))));
    for (const id of now) if (!looked.has(id)) void knocks.look(id);
    looked = now;
  });
  return () => {
    offKnock();
    offOver();
    stop();
  };
}
