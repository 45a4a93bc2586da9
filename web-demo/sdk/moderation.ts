/** What administrators of the server do: reports, bans, unwanted words, sign-ins of others, and the log of all that. */
import * as v from 'valibot';
import { ask, nextOf } from './ask';
import type { Session } from './session';
import { account as accountSchema, login as loginSchema, read, readList, report, text, type Account, type Report, type SignIn } from './wire';

export type { Report };

export interface Page<T> {
  rows: T[];
  next: string | null;
}

export const ban = v.object({
  userId: v.string(),
  username: text(),
  name: text(),
  by: text(),
  reason: text(),
  at: text(),
  /** Empty = for good. */
  until: text(),
});
export type Ban = v.InferOutput<typeof ban>;

export const FILTER_ACTIONS = ['block', 'mask', 'flag'] as const;
export const filter = v.object({ id: v.string(), word: text(), action: v.picklist(FILTER_ACTIONS), by: text(), createdAt: text() });
export type Filter = v.InferOutput<typeof filter>;

export const auditEntry = v.object({
  n: v.number(),
  at: text(),
  actor: text(),
  action: text(),
  target: text(),
  ip: text(),
  detail: v.nullish(v.record(v.string(), v.unknown()), {}),
});
export type AuditEntry = v.InferOutput<typeof auditEntry>;

export interface AuditPage extends Page<AuditEntry> {
  /** If it was asked for: whether nothing was changed since it was written, and how many lines hold. */
  chain: { whole: boolean; intact: number } | null;
}

const at = (cursor?: string) => (cursor ? { cursor } : {});
const LONGEST_PAGE = 100;

/** Gives the report's id; the same for a second one of mine. */
export async function reportMessage(session: Session, messageId: string, reason: string, note = ''): Promise<string> {
  const d = await ask(session, 'message:report', { messageId, reason, ...(note ? { note } : {}) });
  return (d as { reportId?: string }).reportId ?? '';
}

export async function listReports(session: Session, state: Report['state'] | null, cursor?: string, limit?: number): Promise<Page<Report>> {
  const d = await ask(session, 'moderation:reports', { state, ...at(cursor), ...(limit ? { limit } : {}) });
  return { rows: readList(report, d, 'reports'), next: nextOf(d) };
}

/** As many as a page has; more are not counted. */
export async function countOpenReports(session: Session): Promise<number> {
  return (await listReports(session, 'open', undefined, LONGEST_PAGE)).rows.length;
}

export async function resolveReport(session: Session, reportId: string, resolution: 'dismissed' | 'actioned', note = ''): Promise<Report | null> {
  const d = await ask(session, 'moderation:resolve', { reportId, resolution, ...(note ? { note } : {}) });
  return read(report, (d as { report?: unknown }).report, 'moderation:resolve ack');
}

export async function banUser(session: Session, userId: string, reason: string, until: Date | null): Promise<void> {
  await ask(session, 'moderation:ban_user', { userId, reason, ...(until ? { until: until.toISOString() } : {}) });
}

export async function unbanUser(session: Session, userId: string): Promise<void> {
  await ask(session, 'moderation:unban_user', { userId });
}

export async function listBans(session: Session, cursor?: string): Promise<Page<Ban>> {
  const d = await ask(session, 'moderation:bans', { limit: LONGEST_PAGE, ...at(cursor) });
  return { rows: readList(ban, d, 'bans'), next: nextOf(d) };
}

export async function listFilters(session: Session): Promise<Filter[]> {
  return readList(filter, await ask(session, 'moderation:filters', {}), 'filters');
}

/** A word that is there already gets the new action. */
export async function addFilter(session: Session, word: string, action: Filter['action']): Promise<void> {
  await ask(session, 'moderation:filter_add', { word, action });
}

export async function removeFilter(session: Session, filterId: string): Promise<void> {
  await ask(session, 'moderation:filter_remove', { filterId });
}

/** Newest first. `verify` follows the chain of the whole log, which takes as long as the log is. */
export async function auditLog(session: Session, options: { cursor?: string; verify?: boolean } = {}): Promise<AuditPage> {
  const d = await ask(session, 'moderation:audit', { ...at(options.cursor), ...(options.verify ? { verify: true } : {}) });
  const chain = (d as { chain?: { whole: boolean; intact: number } }).chain ?? null;
  return { rows: readList(auditEntry, d, 'entries'), next: nextOf(d), chain };
}

export async function listAccounts(session: Session, search: string, cursor?: string): Promise<Page<Account>> {
  const d = await ask(session, 'user:list', { ...(search ? { search } : {}), ...at(cursor) });
  return { rows: readList(accountSchema, d, 'users'), next: nextOf(d) };
}

/** Where somebody is signed in. */
export async function signInsOf(session: Session, userId: string): Promise<SignIn[]> {
  return readList(loginSchema, await ask(session, 'moderation:sessions', { userId }), 'sessions');
}

/** One of them, or all. */
export async function endSignInsOf(session: Session, userId: string, sessionId?: string): Promise<void> {
  await ask(session, 'moderation:revoke_sessions', { userId, ...(sessionId ? { sessionId } : {}) });
}
