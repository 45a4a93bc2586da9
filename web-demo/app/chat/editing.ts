import { signal } from '@preact/signals';

/** The message whose text is being changed; at most one. */
export const editing = signal<string | null>(null);
