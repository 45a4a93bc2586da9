/** The few things done over HTTP: signing in and refreshing the token. */
import * as v from 'valibot';
import { ConveneError } from './errors';
import { user } from './wire';

const loginData = v.object({ token: v.string(), expiresAt: v.optional(v.union([v.string(), v.number()])), user });
export type Login = v.InferOutput<typeof loginData>;

export async function login(base: string, username: string, password: string): Promise<Login> {
  return postLogin(`${base}/api/v1/auth/login`, { username, password });
}

export async function refresh(base: string, token: string): Promise<Login> {
  return postLogin(`${base}/api/v1/auth/refresh`, {}, token);
}

async function postLogin(url: string, body: unknown, token?: string): Promise<Login> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
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
  const data = (json as { data?: unknown } | null)?.data ?? json;
  const result = v.safeParse(loginData, data);
  if (!result.success) throw new ConveneError('client.shape', 'The server gave an unexpected answer.');
  return result.output;
}
