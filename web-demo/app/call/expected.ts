/** The view of a call, and what it takes to be in one: loaded before somebody goes in, where that can be known. */
import { convene } from '../client';
import { lazy } from '../ui/lazy';

export const CallView = lazy(() => import('./call-view').then((m) => m.CallView));

/** Somebody is at the door, or is rung: joining shall not wait for code. */
export function expectCall(): void {
  CallView.preload();
  void convene.call.prepare();
}
