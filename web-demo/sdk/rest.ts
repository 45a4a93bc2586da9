/** The few things done over HTTP: signing in and out, refreshing the token, and what links for guests ask (`guests.ts`). */
import * as v from 'valibot';
import { ConveneError } from './errors';
import { account } from './wire';

const loginData = v.object({
  token: v.string(),
  expiresAt: v.optional(v.union([v.string(), v.number()])),
  user: account,
  /** This and the next: of a session that can be refreshed. */
  sessionId: v.optional(v.string()),
  refreshToken: v.optional(v.string()),
});
export type Login = v.InferOutput<typeof loginData>;

/** How the session is described in the list of sessions. */
export interface LoginFrom {
  device?: 'desktop' | 'mobile' | 'tablet';
  client?: string;
}

export async function login(base: string, username: string, password: string, from: LoginFrom = {}): Promise<Login> {
  return granted(await post(`${base}/api/v1/auth/login`, { username, password, ...from }));
}

/** With a refresh token, which is used up by it, or with a token that is still good. */
export async function refresh(base: string, by: { refreshToken: string } | { token: string }): Promise<Login> {
  const url = `${base}/api/v1/auth/refresh`;
  return granted('token' in by ? await post(url, {}, by.token) : await post(url, by));
}

/** Ends the session, its sockets and its calls. Also while the page goes away. */
export async function logout(base: string, by: { refreshToken: string } | { token: string }): Promise<void> {
  const url = `${base}/api/v1/auth/logout`;
  await ('token' in by ? post(url, {}, by.token, true) : post(url, by, undefined, true));
}

export const post = (url: string, body: unknown, token?: string, keepalive = false): Promise<unknown> =>
  answerOf(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
    keepalive,
  });

/** The `data` of an answer; its problem is thrown with its code. */
export async function answerOf(url: string, init: RequestInit = {}): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal: AbortSignal.timeout(15_000) });
  } catch {
    throw new ConveneError('client.offline', 'The server cannot be reached.');
  }
  const json: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    const problem = (json ?? {}) as { code?: string; detail?: string; title?: string; message?: string };
    const retry = Number(response.headers.get('retry-after'));
    throw new ConveneError(
      problem.code ?? (response.status === 401 ? 'auth.invalid' : `http.${response.status}`),
      problem.detail ?? problem.message ?? problem.title ?? '',
      Number.isFinite(retry) && retry > 0 ? retry * 1000 : undefined,
    );
  }
  return (json as { data?: unknown } | null)?.data ?? json;
}

function granted(data: unknown): Login {
  const result = v.safeParse(loginData, data);
  if (!result.success) throw new ConveneError('client.shape', 'The server gave an unexpected answer.');
  return result.output;
}
