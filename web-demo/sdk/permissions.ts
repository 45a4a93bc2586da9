/** Why a device does not open, as one row of a table: what the page says and offers follows from the row alone. */
export type BrowserName = 'chrome' | 'firefox' | 'safari';
export type SystemName = 'mac' | 'windows' | 'ios' | 'android' | 'other';
export type PermissionNow = PermissionState | 'unknown';

/**
 * `notAsked`: the browser would ask. `denied`: blocked for this page. `dismissed`: the question was closed unanswered.
 * `system`: the operating system blocks the browser. `gone`: the remembered device is not there, another may be.
 */
export type DeviceProblem = 'notAsked' | 'denied' | 'dismissed' | 'system' | 'missing' | 'busy' | 'gone' | 'unsupported' | 'unknown';

export class DeviceError extends Error {
  readonly problem: DeviceProblem;
  constructor(problem: DeviceProblem, message = '') {
    super(message || problem);
    this.name = 'DeviceError';
    this.problem = problem;
  }
}

export interface PermissionFacts {
  browser: BrowserName;
  permission: PermissionNow;
  /** How often the question was closed unanswered, this time included. */
  dismissals: number;
}

/** Chromium blocks for a while after so many dismissals, and the button would do nothing any more. */
const DISMISSALS_UNTIL_BLOCKED = 3;
const NO_FACTS: PermissionFacts = { browser: 'chrome', permission: 'unknown', dismissals: 0 };

export function problemOf(error: unknown, facts: PermissionFacts = NO_FACTS): DeviceProblem {
  if (error instanceof DeviceError) return error.problem;
  const { name = '', message = '' } = (error ?? {}) as { name?: string; message?: string };
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
    case 'PermissionDeniedError':
      return refused(message, facts);
    case 'NotFoundError':
    case 'DevicesNotFoundError':
      return 'missing';
    case 'OverconstrainedError':
      return 'gone';
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
      return 'busy';
    case 'TypeError':
      return 'unsupported';
    default:
      return 'unknown';
  }
}

function refused(message: string, { browser, permission, dismissals }: PermissionFacts): DeviceProblem {
  if (/system/i.test(message)) return 'system';
  if (permission === 'denied') return 'denied';
  if (/dismissed/i.test(message)) return dismissals >= DISMISSALS_UNTIL_BLOCKED ? 'denied' : 'dismissed';
  // The page may, and still it is refused: something above the browser does it.
  if (permission === 'granted' && browser !== 'safari') return 'system';
  return 'denied';
}

/** Before anything was tried. `null`: it can be opened without a question. */
export function problemBefore(permission: PermissionNow): DeviceProblem | null {
  if (permission === 'granted') return null;
  return permission === 'denied' ? 'denied' : 'notAsked';
}

export function browserOf(userAgent: string): BrowserName {
  // On iOS every browser is Safari inside, and has Safari's settings.
  if (/iPhone|iPad|iPod/.test(userAgent)) return 'safari';
  if (/firefox/i.test(userAgent)) return 'firefox';
  return /chrom|edg\//i.test(userAgent) ? 'chrome' : 'safari';
}

export function systemOf(userAgent: string, touchPoints = 0): SystemName {
  if (/iPhone|iPad|iPod/.test(userAgent)) return 'ios';
  if (/Android/.test(userAgent)) return 'android';
  // An iPad calls itself a Mac; a Mac has no touch screen.
  if (/Macintosh/.test(userAgent)) return touchPoints > 1 ? 'ios' : 'mac';
  return /Windows/.test(userAgent) ? 'windows' : 'other';
}

type Kind = 'mic' | 'camera';
const NAMES = { mic: 'microphone', camera: 'camera' } as const;

async function statusOf(kind: Kind): Promise<PermissionStatus | null> {
  try {
    return await navigator.permissions.query({ name: NAMES[kind] as PermissionName });
  } catch {
    // Not every browser tells.
    return null;
  }
}

export async function permissionOf(kind: Kind): Promise<PermissionNow> {
  const state = (await statusOf(kind))?.state;
  if (state === 'granted' || state === 'denied') return state;
  // A label is only told to a page that may use the device.
  const devices = await navigator.mediaDevices?.enumerateDevices?.().catch(() => []);
  const input = kind === 'mic' ? 'audioinput' : 'videoinput';
  if (devices?.some((d) => d.kind === input && d.label !== '')) return 'granted';
  return state ?? 'unknown';
}

/** Calls back whenever the permission changes; nothing happens where browsers do not tell. */
export async function watchPermission(kind: Kind, changed: (now: PermissionState) => void): Promise<void> {
  const status = await statusOf(kind);
  status?.addEventListener('change', () => changed(status.state));
}
