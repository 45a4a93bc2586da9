/** Where one is signed in, and how to end that. */
import type { Session } from './session';
import { login as loginSchema, readList, type SignIn } from './wire';

/** The last used first. */
export async function listSignIns(session: Session): Promise<SignIn[]> {
  return readList(loginSchema, await session.request('session:list', {}, { wait: true }), 'sessions');
}

/** Signs out somewhere else; the server closes what is open there. */
export async function endSignIn(session: Session, sessionId: string): Promise<void> {
  await session.request('session:revoke', { sessionId }, { wait: true });
}

export async function endOtherSignIns(session: Session): Promise<void> {
  await session.request('session:revoke', { others: true }, { wait: true });
}
