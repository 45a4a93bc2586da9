/** How wide the page is, for the views that differ in more than style. */
import { signal, type Signal } from '@preact/signals';

function matching(condition: string): Signal<boolean> {
  const query = matchMedia(condition);
  const matches = signal(query.matches);
  query.addEventListener('change', () => (matches.value = query.matches));
  return matches;
}

/** One column. */
export const isPhone = matching('(max-width: 699px)');
/** A thread takes the place of its channel. */
export const isNarrow = matching('(max-width: 1100px)');
