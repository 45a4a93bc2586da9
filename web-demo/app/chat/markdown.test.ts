import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostToShow, MAX_CHARS, MAX_DEPTH, parse, safeHref, textOf, type Piece } from './markdown';

const paragraph = (...children: Piece[]): Piece => ({ type: 'paragraph', children });
const text = (value: string): Piece => ({ type: 'text', text: value });
const all = (pieces: readonly Piece[]): Piece[] => pieces.flatMap((one) => [one, ...('children' in one ? all(one.children) : [])]);
const depth = (pieces: readonly Piece[]): number => Math.max(0, ...pieces.map((one) => 1 + ('children' in one ? depth(one.children) : 0)));
const links = (content: string) => all(parse(content)).flatMap((one) => (one.type === 'link' ? [[one.href, textOf(one.children), one.host]] : []));

describe('markdown', () => {
  it('knows what people use in a message', () => {
    expect(parse('**a** *b* ~~c~~ `d`')).toEqual([
      paragraph({ type: 'strong', children: [text('a')] }, text(' '), { type: 'em', children: [text('b')] }, text(' '), { type: 'del', children: [text('c')] }, text(' '), { type: 'code', text: 'd' }),
    ]);
    expect(parse('> q\n\n- x\n- y\n\n3. z')).toMatchObject([{ type: 'quote' }, { type: 'list', ordered: false, children: [{ type: 'item' }, { type: 'item' }] }, { type: 'list', ordered: true, start: 3 }]);
    expect(parse('```js\nlet a;\n```')).toEqual([{ type: 'block', lang: 'js', text: 'let a;' }]);
    expect(parse('one\ntwo')).toEqual([paragraph(text('one\ntwo'))]);
  });

  it('leaves alone what people do not mean', () => {
    for (const plain of ['# 3 people', '    indented', 'a | b\n--|--', '&amp; &lt;b&gt;', '<b>bold</b> <img src=x onerror=alert(1)>', '[x]: y', 'see readme.md and v1.2', 'snake_case_name']) {
      expect(textOf(parse(plain)).trim(), plain).toBe(plain.trim());
      expect(links(plain), plain).toEqual([]);
    }
    expect(textOf(parse('![a](https://a.test/x.png)'))).toBe('!a');
    expect(textOf(parse('>'))).toBe('>');
  });

  it('links the web and mail, and says where a link leads if its text does not', () => {
    expect(links('see https://example.org/a?b=1, and (http://x.test).')).toEqual([['https://example.org/a?b=1', 'https://example.org/a?b=1', ''], ['http://x.test/', 'http://x.test', '']]);
    expect(links('[here](https://evil.test/x)')).toEqual([['https://evil.test/x', 'here', 'evil.test']]);
    expect(links('[https://bank.test](https://evil.test)')).toEqual([['https://evil.test/', 'https://bank.test', 'evil.test']]);
    expect(links('<https://a.test/b>')).toEqual([['https://a.test/b', 'https://a.test/b', '']]);
    expect(links('write to ana@a.test')).toEqual([['mailto:ana@a.test', 'ana@a.test', '']]);
    expect(links('[mail](mailto:eve@evil.test)')).toEqual([['mailto:eve@evil.test', 'mail', 'eve@evil.test']]);
    expect(links('<https://bank.test@evil.test/>')).toEqual([['https://bank.test@evil.test/', 'https://bank.test@evil.test/', 'evil.test']]);
  });

  it('links nothing else', () => {
    for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'blob:https://a.test/1', 'JaVaScRiPt:alert(1)', 'java\tscript:alert(1)', '//evil.test', '/admin', 'ftp://a.test']) {
      expect(links(`[x](${bad}) [y](<${bad}>) <${bad}> ${bad}`).filter(([href]) => !/^(https?|mailto):/.test(href ?? '')), bad).toEqual([]);
      if (!bad.startsWith('ftp')) expect(safeHref(bad), bad).toBe(null);
    }
  });

  it('shows a name that only looks like another', () => {
    expect(hostToShow('https://xn--pple-43d.test/', 'https://аpple.test')).toBe('xn--pple-43d.test');
  });

  it('takes long and deep texts as they are', () => {
    const long = '*a* '.repeat(MAX_CHARS / 4 + 1);
    expect(parse(long)).toEqual([paragraph(text(long))]);
    expect(depth(parse(`${'> '.repeat(200)}x`))).toBeLessThanOrEqual(MAX_DEPTH + 1);
    expect(depth(parse(`${'- '.repeat(200)}x`))).toBeLessThanOrEqual(MAX_DEPTH + 1);
    expect(textOf(parse(`${'> '.repeat(9)}x`)).trim()).toContain('x');
  });

  it('gives the same tree for the same text', () => {
    expect(parse('once **only**')).toBe(parse('once **only**'));
  });

  it('never makes a link that is not web or mail, and never goes deeper than it may', () => {
    const bits = fc.constantFrom('[', ']', '(', ')', '<', '>', '*', '**', '`', '```', '~~', '\n', '- ', '> ', '1. ', 'javascript:', 'https://a.test', 'mailto:a@b.test', 'data:', '!', '\\', '&colon;', 'x', ' ', '"');
    fc.assert(
      fc.property(fc.array(fc.oneof(bits, fc.string({ maxLength: 4 })), { maxLength: 40 }), (parts) => {
        const tree = parse(parts.join(''));
        for (const one of all(tree)) if (one.type === 'link') expect(one.href).toMatch(/^(https?|mailto):/);
        expect(depth(tree)).toBeLessThanOrEqual(MAX_DEPTH + 1);
      }),
      { numRuns: 2_000 },
    );
  });
});
