import { describe, expect, it } from 'vitest';
import { browserOf, DeviceError, problemBefore, problemOf, systemOf, type BrowserName, type PermissionNow } from './permissions';

const error = (name: string, message = '') => ({ name, message });
const facts = (browser: BrowserName, permission: PermissionNow = 'unknown', dismissals = 0) => ({ browser, permission, dismissals });

describe('problemOf', () => {
  it.each([
    ['blocked in Chromium', error('NotAllowedError', 'Permission denied'), facts('chrome', 'denied'), 'denied'],
    ['blocked in Firefox, which may not tell the state', error('NotAllowedError', 'The request is not allowed'), facts('firefox'), 'denied'],
    ['refused once in Firefox', error('NotAllowedError', 'The request is not allowed'), facts('firefox', 'prompt'), 'denied'],
    ['blocked in Safari', error('NotAllowedError', 'The request is not allowed'), facts('safari', 'granted'), 'denied'],
    ['dismissed', error('NotAllowedError', 'Permission dismissed'), facts('chrome', 'prompt', 1), 'dismissed'],
    ['dismissed twice', error('NotAllowedError', 'Permission dismissed'), facts('chrome', 'prompt', 2), 'dismissed'],
    ['dismissed until Chromium blocks', error('NotAllowedError', 'Permission dismissed'), facts('chrome', 'prompt', 3), 'denied'],
    ['dismissed, and blocked by that', error('NotAllowedError', 'Permission dismissed'), facts('chrome', 'denied', 1), 'denied'],
    ['blocked by the system', error('NotAllowedError', 'Permission denied by system'), facts('chrome', 'granted'), 'system'],
    ['allowed here and refused above', error('NotAllowedError', ''), facts('chrome', 'granted'), 'system'],
    ['no device', error('NotFoundError'), facts('chrome'), 'missing'],
    ['in use elsewhere', error('NotReadableError'), facts('chrome', 'granted'), 'busy'],
    ['did not start', error('AbortError'), facts('firefox'), 'busy'],
    ['the chosen one is gone', error('OverconstrainedError'), facts('chrome', 'granted'), 'gone'],
    ['no access here', error('TypeError'), facts('safari'), 'unsupported'],
    ['said by ourselves', new DeviceError('missing'), facts('chrome'), 'missing'],
    ['anything else', error('WeirdError'), facts('chrome'), 'unknown'],
    ['nothing at all', undefined, facts('chrome'), 'unknown'],
  ])('%s', (_, thrown, given, row) => expect(problemOf(thrown, given)).toBe(row));

  it('before anything was tried', () => {
    expect(problemBefore('granted')).toBeNull();
    expect(problemBefore('prompt')).toBe('notAsked');
    expect(problemBefore('unknown')).toBe('notAsked');
    expect(problemBefore('denied')).toBe('denied');
  });
});

describe('browsers and systems', () => {
  const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
  const mac = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15';
  const phone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1';
  const linux = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
  it('are told apart', () => {
    expect([windows, mac, phone, linux].map(browserOf)).toEqual(['chrome', 'safari', 'safari', 'firefox']);
    expect([windows, mac, phone, linux].map((agent) => systemOf(agent))).toEqual(['windows', 'mac', 'ios', 'other']);
    expect(browserOf(`${windows} Edg/140.0.0.0`)).toBe('chrome');
    expect(systemOf(mac, 5)).toBe('ios');
  });
});
