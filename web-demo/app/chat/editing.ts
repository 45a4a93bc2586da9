import { signal } from '@preact/signals';

/** The message whose text is being changed; at most one. */
export const editing = signal<string | null>(null);

/** To the composer of a channel or a thread, by its id. */
export function focusComposer(place: string): void {
  document.querySelector<HTMLElement>(`[data-composer="${CSS.escape(place)}"]`)?.focus();
}
