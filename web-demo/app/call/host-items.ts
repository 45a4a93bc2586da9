/** What one may do about somebody in the call: the same on a tile and in the list of people. */
import { Hand, MessageCircleQuestion, MicOff, PhoneOff, Undo2 } from 'lucide';
import { hostsCall } from '../moderation/acts';
import { t } from '../strings';
import type { MenuItem } from '../ui/menu';
import type { TileModel } from './call-state';
import { justMuted } from './hosting';
import { askToUnmute, lowerHand, mute, remove, undoMute } from './hosting-acts';

export function hostItems({ participant: { userId }, self, muted, hand }: TileModel): (MenuItem | false)[] {
  const host = hostsCall();
  const others = host && !self;
  return [
    others && !muted && { key: 'mute', label: t.person.mute, icon: MicOff, run: () => void mute(userId) },
    others && muted && justMuted.peek().has(userId) && { key: 'undo-mute', label: t.hosting.undoMute, icon: Undo2, run: () => void undoMute(userId) },
    others && muted && { key: 'ask-unmute', label: t.hosting.askUnmute, icon: MessageCircleQuestion, run: () => void askToUnmute(userId) },
    hand > 0 && (host || self) && { key: 'lower-hand', label: t.hosting.lowerHand, icon: Hand, run: () => void lowerHand(userId) },
    others && { key: 'remove-from-call', label: t.person.removeFromCall, icon: PhoneOff, danger: true, run: () => void remove(userId) },
  ];
}
