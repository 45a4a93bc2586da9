import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excerpt } from './excerpt';

const shown = (content: string, highlights: [number, number][]) =>
  excerpt(content, highlights)
    .map((piece) => (piece.found ? `[${piece.text}]` : piece.text))
    .join('');

describe('excerpt', () => {
  it('marks what was found', () => {
    expect(shown('👍 The plan, the whole plan', [[3, 3], [7, 4], [13, 3], [23, 4]])).toBe('👍 [The] [plan], [the] whole [plan]');
    expect(shown('nothing to mark', [])).toBe('nothing to mark');
  });

  it('shows the place of a long text where it was found', () => {
    const text = shown(`${'a '.repeat(500)}needle${' z'.repeat(500)}`, [[1000, 6]]);
    expect(text).toMatch(/^….*\[needle\].*…$/);
    expect(text.length).toBeLessThan(260);
  });

  it('neither invents nor splits characters, whatever the places', () => {
    const places = fc.array(fc.tuple(fc.nat(600), fc.nat(20)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), places, (content, highlights) => {
        const inner = excerpt(content, highlights)
          .map((piece) => piece.text)
          .join('')
          .replace(/^…|…$/g, '');
        expect(content).toContain(inner.replace(/^…|…$/g, ''));
      }),
    );
  });
});
