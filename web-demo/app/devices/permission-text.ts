/** The words and the way out of each row of the table of failures. */
import { browserOf, systemOf, type BrowserName, type DeviceProblem, type SystemName } from '../../sdk/index';
import { t } from '../strings';

export interface PermissionRow {
  text: string;
  /** What the button does, where one helps. */
  action: { kind: 'allow' | 'again' | 'reload'; label: string } | null;
  /** No fault of anybody: not in the colour of errors. */
  calm: boolean;
  /** Shows where the browser will ask. */
  picture: boolean;
}

export interface Surroundings {
  browser: BrowserName;
  system: SystemName;
}

export const surroundings = (): Surroundings => ({
  browser: browserOf(navigator.userAgent),
  system: systemOf(navigator.userAgent, navigator.maxTouchPoints),
});

export function permissionRow(problem: DeviceProblem, kind: 'mic' | 'camera', { browser, system }: Surroundings): PermissionRow {
  const texts = t.permission;
  const allow = { kind: 'allow', label: texts.allow[kind] } as const;
  const again = { kind: 'again', label: t.retry } as const;
  const row = (text: string, action: PermissionRow['action'], part: Partial<PermissionRow> = {}): PermissionRow => ({ text, action, calm: false, picture: false, ...part });
  switch (problem) {
    case 'notAsked':
      return row(texts.notAsked[kind], allow, { calm: true, picture: true });
    case 'dismissed':
      return row(texts.dismissed[kind], allow);
    case 'denied':
      // Only Safari has to load the page again; the others tell it when it may.
      return row(texts.denied[browser][kind], browser === 'safari' ? { kind: 'reload', label: texts.reload } : again);
    case 'system':
      return row(texts.system[system === 'mac' || system === 'windows' ? system : 'other'][kind], again);
    case 'missing':
      return row(texts.missing[kind], null, { calm: true });
    case 'unsupported':
      return row(texts.unsupported[kind], null);
    case 'busy':
    case 'gone':
    case 'unknown':
      return row(texts[problem][kind], again);
  }
}
