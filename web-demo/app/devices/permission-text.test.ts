import { describe, expect, it } from 'vitest';
import type { BrowserName, DeviceProblem, SystemName } from '../../sdk/index';
import { permissionRow } from './permission-text';

const PROBLEMS: DeviceProblem[] = ['notAsked', 'denied', 'dismissed', 'system', 'missing', 'busy', 'gone', 'unsupported', 'unknown'];
const BROWSERS: BrowserName[] = ['chrome', 'firefox', 'safari'];
const SYSTEMS: SystemName[] = ['mac', 'windows', 'ios', 'android', 'other'];

describe('permissionRow', () => {
  it('has other words for every row, for either device', () => {
    const texts = (['mic', 'camera'] as const).flatMap((kind) => PROBLEMS.map((p) => permissionRow(p, kind, { browser: 'chrome', system: 'mac' }).text));
    // The question that was closed reads the same for both.
    expect(new Set(texts).size).toBe(texts.length - 1);
  });
  it('names the place in each browser, and the page of each system', () => {
    const denied = BROWSERS.map((browser) => permissionRow('denied', 'mic', { browser, system: 'other' }).text);
    expect(denied.map((text) => /left of the address|crossed microphone|Website Settings/.exec(text)?.[0])).toEqual(['left of the address', 'crossed microphone', 'Website Settings']);
    expect(permissionRow('system', 'mic', { browser: 'chrome', system: 'mac' }).text).toMatch(/Privacy & Security, Microphone.*restart/i);
    expect(permissionRow('system', 'camera', { browser: 'chrome', system: 'windows' }).text).toMatch(/Windows.*Camera/);
  });
  it('offers a way out wherever a button can do something', () => {
    const action = (p: DeviceProblem, browser: BrowserName = 'chrome') => permissionRow(p, 'mic', { browser, system: 'other' }).action?.kind ?? null;
    expect(PROBLEMS.map((p) => action(p))).toEqual(['allow', 'again', 'allow', 'again', null, 'again', 'again', null, 'again']);
    expect(action('denied', 'safari')).toBe('reload');
  });
  it('is calm where nothing is wrong', () => {
    const calm = PROBLEMS.filter((p) => SYSTEMS.every((system) => BROWSERS.every((browser) => permissionRow(p, 'camera', { browser, system }).calm)));
    expect(calm).toEqual(['notAsked', 'missing']);
  });
});
