/** The viewer's own choice of a track's quality. Stands on large tiles and in the connection details. */
import type { Layer } from '../../sdk/index';
import { convene } from '../client';
import { t } from '../strings';
import { choices } from './call-state';

const CHOICES = ['auto', '2', '1', '0', 'off'] as const;

export function LayerSelect({ trackId, name, tabIndex = 0 }: { trackId: string; name: string; tabIndex?: number }) {
  void choices.value;
  const forced = convene.call.subscriptions.forced(trackId);
  return (
    <select
      class="layer-select"
      tabIndex={tabIndex}
      aria-label={t.call.quality(name)}
      data-testid="layer-select"
      data-for-track={trackId}
      value={forced === null ? 'auto' : String(forced)}
      onChange={(e) => {
        const { value } = e.currentTarget;
        convene.call.subscriptions.force(trackId, value === 'auto' ? null : value === 'off' ? 'off' : (Number(value) as Layer));
        choices.value++;
      }}
    >
      {CHOICES.map((c) => (
        <option key={c} value={c}>
          {t.call.layers[c]}
        </option>
      ))}
    </select>
  );
}
