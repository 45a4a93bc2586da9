/** Every text that is shown comes from the catalogue: found in the syntax tree of the views, not by searching for words. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const APP = fileURLToPath(new URL('../app/', import.meta.url));
/** Attributes that somebody sees or hears. */
const SPOKEN = new Set(['aria-label', 'aria-description', 'aria-roledescription', 'aria-valuetext', 'title', 'placeholder', 'alt', 'label', 'hint', 'heading', 'text']);
/** Names of keys and marks that are the same in every language. */
const NOT_WORDS = /^(kbit\/s|ms|F8)$/;
const worded = (text: string): boolean => /\p{L}{2,}/u.test(text) && !NOT_WORDS.test(text.trim());

/** Texts written down in a view, with their lines. */
function written(source: string, file = 'view.tsx'): string[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const found: string[] = [];
  const note = (node: ts.Node, text: string) => worded(text) && found.push(`${file}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${text.trim()}`);
  /** What an expression may come to: both branches of a choice, the fixed parts of a template. */
  const shown = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) note(node, node.text);
    else if (ts.isTemplateExpression(node)) for (const part of [node.head, ...node.templateSpans.map(({ literal }) => literal)]) note(part, part.text);
    else if (ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach(shown);
    else if (ts.isParenthesizedExpression(node)) shown(node.expression);
    else if (ts.isBinaryExpression(node)) {
      if (node.operatorToken.kind === ts.SyntaxKind.PlusToken) shown(node.left);
      if ([ts.SyntaxKind.PlusToken, ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionToken, ts.SyntaxKind.AmpersandAmpersandToken].includes(node.operatorToken.kind)) shown(node.right);
    }
  };
  const walk = (node: ts.Node): void => {
    if (ts.isJsxText(node)) note(node, node.text);
    else if (ts.isJsxExpression(node) && node.expression && !ts.isJsxAttribute(node.parent)) shown(node.expression);
    else if (ts.isJsxAttribute(node) && SPOKEN.has(node.name.getText()) && node.initializer) {
      const value = node.initializer;
      if (ts.isStringLiteral(value)) note(value, value.text);
      else if (ts.isJsxExpression(value) && value.expression) shown(value.expression);
    } else if (ts.isCallExpression(node) && /^(toast|announce|interrupt)$/.test(node.expression.getText())) node.arguments.slice(node.expression.getText() === 'interrupt' ? 1 : 0, 2).forEach((one, at) => at === 0 && shown(one));
    ts.forEachChild(node, walk);
  };
  walk(tree);
  return found;
}

const files = readdirSync(APP, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.test.ts') && !name.startsWith('strings/'));

describe('texts', () => {
  it('are all in the catalogue', () => {
    expect(files.length).toBeGreaterThan(80);
    expect(files.flatMap((name) => written(readFileSync(APP + name, 'utf8'), name))).toEqual([]);
  });

  it('are found where they are not', () => {
    for (const view of ['<p>Hello there</p>', '<p>{"Hello"}</p>', '<p>{ok ? "Fine" : t.bad}</p>', '<p>{`${n} people`}</p>', '<a title="Open it" />', '<a aria-label={`Call ${name}`} />', '<p>{n && "Many"}</p>']) {
      expect(written(`const x = () => ${view};`), view).toHaveLength(1);
    }
    for (const code of ['toast("Done")', 'interrupt("lost", "Gone away")', 'announce(x ? "Yes" : "no way")']) expect(written(code).length, code).toBeGreaterThan(0);
    for (const view of ['<p class="note">{t.ok}</p>', '<p>{name} · +{n}</p>', '<a title={t.open} data-testid="open" />']) expect(written(`const x = () => ${view};`), view).toEqual([]);
  });

  it('dates, numbers and orders take the language that is spoken', () => {
    const bare = /new Intl\.\w+\((undefined|\)|['"])|toLocale(String|DateString|TimeString|UpperCase|LowerCase)\(\)|toLocale\w+\((undefined|\[\]|['"])|\.toFixed\(/;
    // Of figures that nobody reads as text: a CSS value, and the report that is sent to others.
    const known = new Set(['lobby/parts.tsx', 'net-test/net-test-view.tsx']);
    const lines = files.flatMap((name) => (known.has(name) ? [] : readFileSync(APP + name, 'utf8').split('\n').flatMap((line, at) => (bare.test(line) ? [`${name}:${at + 1} ${line.trim()}`] : []))));
    expect(lines).toEqual([]);
    expect(bare.test('new Intl.DateTimeFormat(undefined, {})')).toBe(true);
    expect(bare.test('n.toLocaleString()')).toBe(true);
  });
});
