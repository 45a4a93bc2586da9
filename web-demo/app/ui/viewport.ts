/** Whether the page is one column wide. The views that differ in more than style read this. */
import { signal } from '@preact/signals';

const query = matchMedia('(max-width: 699px)');
export const isPhone = signal(query.matches);
query.addEventListener('change', () => (isPhone.value = query.matches));
