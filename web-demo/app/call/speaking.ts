/** The ring around who speaks: written to the elements in one go per frame, never rendered. */
import { convene } from '../client';

const elements = new Map<HTMLElement, string>();
const changed = new Set<string>();
let frame = 0;

function paint(): void {
  frame = 0;
  for (const [element, participantId] of elements) if (changed.has(participantId)) mark(element, participantId);
  changed.clear();
}

const mark = (element: HTMLElement, participantId: string): void => {
  element.dataset['speaking'] = String(convene.call.levels.isSpeaking(participantId));
};

/** Shows on this element whether this person speaks, until the returned function is called. */
export function showSpeaking(element: HTMLElement, participantId: string): () => void {
  elements.set(element, participantId);
  mark(element, participantId);
  return () => {
    elements.delete(element);
    delete element.dataset['speaking'];
  };
}

convene.call.levels.events.on('speaking', ({ key }) => {
  changed.add(key);
  frame ||= requestAnimationFrame(paint);
});
