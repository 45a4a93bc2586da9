import type { Presence } from '../../sdk/index';
import { colourIndex, initials } from '../format';
import { t } from '../strings';

interface Props {
  id: string;
  name: string;
  size?: 'xs' | 's' | 'm' | 'l' | 'xl';
  presence?: Presence['status'];
}

export function Avatar({ id, name, size = 'm', presence }: Props) {
  return (
    <span class={`avatar avatar-${size} avatar-c${colourIndex(id)}`}>
      <span aria-hidden="true">{initials(name)}</span>
      {presence && <PresenceDot status={presence} />}
    </span>
  );
}

/** Shape and text carry the state, not the colour alone. */
export function PresenceDot({ status }: { status: Presence['status'] }) {
  return (
    <span class={`presence presence-${status}`} data-status={status}>
      <span class="sr-only">{t.presence[status]}</span>
    </span>
  );
}
