/** What holds for every style sheet: directions that turn with the language, colours by name, and contrasts as promised. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const STYLES = fileURLToPath(new URL('../app/styles/', import.meta.url));
const sheets = readdirSync(STYLES).map((name) => ({ name, lines: readFileSync(STYLES + name, 'utf8').replace(/\/\*[\s\S]*?\*\//g, (note) => note.replace(/[^\n]/g, ' ')).split('\n') }));

const find = (rule: RegExp, but: (line: string, name: string, before: string) => boolean = () => false): string[] =>
  sheets.flatMap(({ name, lines }) => lines.flatMap((line, at) => (rule.test(line) && !but(line, name, lines.slice(Math.max(0, at - 4), at).join('\n')) ? [`${name}:${at + 1} ${line.trim()}`] : [])));

const PHYSICAL = /(^|[\s;{])((margin|padding|border)-(left|right)(-\w+)?|(left|right)|border-(top|bottom)-(left|right)-radius|scroll-(margin|padding)-(left|right)) *:|(text-align|float|clear) *: *(left|right)\b/;
/** Four values turn with nothing: the second is right in every language. */
const FOUR = /(^|[\s;{])(margin|padding|inset) *:(?! *(\S+) (\S+) \3 \4;) *[^\s;(]+ [^\s;(]+ [^\s;(]+ [^\s;(]+;/;

describe('directions', () => {
  it('are those of the text', () => {
    // Tiles are placed by transform, from the left.
    const tile = (line: string, name: string, before: string) => name === 'call.css' && line.trim() === 'left: 0;' && before.includes('.tile {');
    expect(find(PHYSICAL, tile)).toEqual([]);
    expect(find(FOUR)).toEqual([]);
  });
  it('are found where they are not', () => {
    for (const line of ['  left: 0;', 'a{margin-left: 3px}', '  border-top-left-radius: 3px;', '  text-align: right;', '  padding-right: 1px;', '  border-left-color: red;']) expect(PHYSICAL.test(line), line).toBe(true);
    for (const line of ['  padding: 1px 2px 3px 4px;', '  margin: 0 1px 0 2px;']) expect(FOUR.test(line), line).toBe(true);
    for (const line of ['  inset-inline-start: 0;', '  margin-inline-end: 1px;', '  text-align: start;', '  padding: 1px 2px;', '  overflow-x: clip;', '  max-height: 3px;']) expect(PHYSICAL.test(line) || FOUR.test(line), line).toBe(false);
  });
});

/* Colours */

const tokens = readFileSync(`${STYLES}tokens.css`, 'utf8');
type Theme = 'light' | 'dark';
/** A token's colour in a theme, as `#rrggbb`. */
function colour(name: string, theme: Theme): string {
  const value = new RegExp(`--${name}: ([^;]+);`).exec(tokens)?.[1];
  if (!value) throw new Error(`no token --${name}`);
  const [, light, dark] = /^light-dark\((#\w{6}), (#\w{6})\)$/.exec(value) ?? [];
  return (theme === 'light' ? light : dark) ?? value;
}

const channels = (hex: string): [number, number, number] => {
  if (!/^#[0-9a-f]{6}$/.test(hex)) throw new Error(`${hex} is no plain colour`);
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
};
const luminance = (rgb: readonly number[]): number => {
  const [r = 0, g = 0, b = 0] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
/** WCAG 2. */
function contrast(a: readonly number[], b: readonly number[]): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}
const between = (text: string, ground: string, theme: Theme): number => contrast(channels(colour(text, theme)), channels(colour(ground, theme)));

const GROUNDS = ['bg', 'surface-1', 'surface-2', 'surface-3', 'overlay'];
const TEXT = 4.5;
const SHAPE = 3;
/** Text, what it stands on, and what the least may be. */
const PAIRS: [string, readonly string[], number][] = [
  ['text', [...GROUNDS, 'accent-soft', 'danger-soft', 'warn-soft'], 7],
  ['text-2', [...GROUNDS], TEXT],
  ['accent', [...GROUNDS, 'accent-soft'], TEXT],
  ['on-accent', ['accent-fill'], TEXT],
  ['danger', [...GROUNDS, 'danger-soft'], TEXT],
  ['white', ['danger-fill', 'ok-fill', ...Array.from({ length: 8 }, (_, i) => `avatar-${i}`)], TEXT],
  ['ok', GROUNDS, TEXT],
  ['warn', [...GROUNDS, 'warn-soft'], TEXT],
  ['control-line', GROUNDS, SHAPE],
  ['stage-text', ['stage', 'stage-tile', 'stage-panel', 'stage-raised', 'stage-control', 'stage-control-hover'], 7],
  ['stage-text-2', ['stage', 'stage-tile', 'stage-panel', 'stage-raised', 'stage-control'], TEXT],
  ['stage-text-3', ['stage', 'stage-tile', 'stage-panel'], TEXT],
  ['stage-on-light', ['stage-text', 'white'], TEXT],
  ['stage-text-2-on-light', ['stage-text'], TEXT],
  ['stage-accent-on-light', ['stage-text'], TEXT],
  ['stage-accent', ['stage', 'stage-tile', 'stage-panel', 'stage-accent-soft', 'stage-control'], TEXT],
  ['stage-on-accent', ['stage-accent'], TEXT],
  ['stage-warn', ['stage', 'stage-tile', 'stage-panel'], TEXT],
  ['stage-danger', ['stage', 'stage-tile', 'stage-panel', 'stage-raised'], TEXT],
  ['white', ['stage-danger-fill'], TEXT],
  ['stage-danger-fill', ['stage'], SHAPE],
  ['speak', ['stage', 'stage-tile'], SHAPE],
];

describe('colours', () => {
  it('have names', () => {
    expect(find(/#[0-9a-f]{3,8}\b|\b(rgb|hsl|oklch)a?\(/i, (_, name) => name === 'tokens.css')).toEqual([]);
  });

  for (const theme of ['light', 'dark'] as const) {
    it(`are told apart in the ${theme} theme`, () => {
      const low = PAIRS.flatMap(([text, grounds, least]) => grounds.flatMap((ground) => (between(text, ground, theme) < least ? [`${text} on ${ground}: ${between(text, ground, theme).toFixed(2)} < ${least}`] : [])));
      expect(low).toEqual([]);
    });
  }

  it('reach what the design computed', () => {
    const rounded = (text: string, ground: string, theme: Theme) => Number(between(text, ground, theme).toFixed(1));
    expect([rounded('text', 'surface-3', 'light'), rounded('text-2', 'surface-3', 'light'), rounded('text', 'surface-3', 'dark'), rounded('text-2', 'surface-3', 'dark')]).toEqual([14.1, 5.7, 12.6, 6.7]);
    expect([rounded('accent', 'surface-3', 'light'), rounded('on-accent', 'accent-fill', 'light'), rounded('accent', 'surface-3', 'dark'), rounded('on-accent', 'accent-fill', 'dark')]).toEqual([5.6, 5.7, 7, 8.9]);
    expect([rounded('ok', 'surface-3', 'light'), rounded('warn', 'surface-3', 'light'), rounded('ok', 'surface-3', 'dark'), rounded('warn', 'surface-3', 'dark')]).toEqual([5.5, 6.3, 8.1, 9.2]);
    expect([rounded('danger', 'surface-3', 'light'), rounded('danger', 'surface-3', 'dark'), rounded('white', 'danger-fill', 'dark')]).toEqual([5.5, 7.2, 5.1]);
    expect([rounded('control-line', 'surface-3', 'light'), rounded('control-line', 'surface-3', 'dark')]).toEqual([3.5, 4]);
    expect([rounded('speak', 'stage-tile', 'dark'), between('stage-danger-fill', 'stage', 'dark').toFixed(2)]).toEqual([9.4, '3.75']);
    // A name on white video, through the ground of the label.
    const alpha = Number(/--label: rgb\(0 0 0 \/ (\d+)%\)/.exec(tokens)?.[1]) / 100;
    const ground = Array.from({ length: 3 }, () => 255 * (1 - alpha));
    expect(contrast([255, 255, 255], ground)).toBeGreaterThan(8);
  });
});
