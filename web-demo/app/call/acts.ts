/** What one does with the picture of a call. Beside the other intents, so that the sign-in does not load what draws it. */
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { listed } from '../format';
import { call, nameOf } from '../store';
import { t } from '../strings';
import { pinned, tilesByKey, togglePin } from './call-state';

/** Makes a tile the large one, or gives it back its place. */
export function pinTile(key: string): void {
  const tile = tilesByKey.peek().get(key);
  if (!tile) return;
  togglePin(key);
  const name = nameOf(tile.participant.userId, tile.participant.name);
  const label = tile.source === 'screen' ? t.call.screenOf(name) : name;
  announce(pinned.peek() === key ? t.call.tilePinned(label) : t.call.tileUnpinned(label));
}

export function sayWhoSpeaks(): void {
  const keys = convene.call.levels.speakers;
  const names = call.value.participants.filter((p) => keys.includes(p.participantId)).map((p) => nameOf(p.userId, p.name));
  announce(names.length > 0 ? listed(names.map((name) => t.call.speaking(name))) : t.keys.nobodySpeaks);
}
