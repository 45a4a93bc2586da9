/** Who may move the focus, and when. */
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

const NO_TEXT = ['button', 'checkbox', 'radio', 'range', 'color', 'file', 'submit', 'reset'];

/** Somebody writes there; what takes the focus away takes their words. */
export function isWriting(at: Element | null): boolean {
  if (!(at instanceof HTMLElement) || !at.isConnected) return false;
  if (at.isContentEditable || at instanceof HTMLTextAreaElement) return true;
  return at instanceof HTMLInputElement && !NO_TEXT.includes(at.type);
}

/** The page moves the focus on its own: never from somebody who writes, never out of a question that is open. */
export const mayTakeFocus = (): boolean => !isWriting(document.activeElement) && document.querySelector('dialog:modal') === null;

/** Gives the focus to what is there, if nobody is disturbed. */
export function offerFocus(element: HTMLElement | null | undefined): void {
  if (element && mayTakeFocus()) element.focus({ preventScroll: true });
}

/** A view that is shown, or shows something else, is entered at its heading. */
export function useEntry(heading: RefObject<HTMLElement | null>, what: unknown = null): void {
  useEffect(() => offerFocus(heading.current), [what]);
}
