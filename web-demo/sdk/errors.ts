/** Errors with the stable codes of the protocol, plus the client's own `client.*`. */
export class ConveneError extends Error {
  readonly code: string;
  readonly retryAfter: number | undefined;
  readonly details: unknown;

  constructor(code: string, message: string, retryAfter?: number, details?: unknown) {
    super(message);
    this.name = 'ConveneError';
    this.code = code;
    this.retryAfter = retryAfter;
    this.details = details;
  }

  /** Worth trying again without a change by the user. */
  get transient(): boolean {
    return this.code.startsWith('client.') || this.code.startsWith('server.') || this.code === 'limit.rate';
  }
}

export const offline = () => new ConveneError('client.offline', 'The connection to the server is down.');
export const timedOut = (op: string) => new ConveneError('client.timeout', `No answer to ${op} in time.`);

export function codeOf(error: unknown): string {
  return error instanceof ConveneError ? error.code : 'client.unknown';
}
