/** For tests: a session that notes what it is asked and answers as it is told. */
import { Emitter } from './emitter';
import type { Session } from './session';

export type Payload = Record<string, unknown>;

export function fakeSession(answer: (op: string, d: Payload) => unknown) {
  const asked: { op: string; d: Payload }[] = [];
  const session = {
    status: { phase: 'ready' },
    events: new Emitter(),
    request: async (op: string, d: Payload) => {
      asked.push({ op, d });
      return answer(op, d);
    },
  } as unknown as Session;
  return { session, asked };
}
