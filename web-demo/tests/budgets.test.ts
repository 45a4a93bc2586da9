/**
 * What has to travel before a part of the page can be used, compressed: the page is built here and the imports of each
 * entry are followed. Dynamic imports count where they are needed at once.
 */
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { build, type Rollup } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** As the figures of the design are: thousands of bytes. */
const KB = 1000;

let chunks: Rollup.OutputChunk[];
let assets: Rollup.OutputAsset[];

beforeAll(async () => {
  const built = (await build({ root: ROOT, logLevel: 'silent', build: { write: false } })) as Rollup.RollupOutput;
  chunks = built.output.filter((one) => one.type === 'chunk');
  assets = built.output.filter((one) => one.type === 'asset');
}, 60_000);

const holding = (file: string): Rollup.OutputChunk => {
  const found = chunks.find(({ moduleIds }) => moduleIds.some((id) => id === `${ROOT}${file}`));
  if (!found) throw new Error(`no chunk holds ${file}`);
  return found;
};

/** The chunks of these modules and everything they import, once each. */
function closure(...files: string[]): Set<Rollup.OutputChunk> {
  const all = new Set<Rollup.OutputChunk>();
  const add = (chunk: Rollup.OutputChunk | undefined) => {
    if (!chunk || all.has(chunk)) return;
    all.add(chunk);
    for (const name of chunk.imports) add(chunks.find(({ fileName }) => fileName === name));
  };
  for (const file of files) add(holding(file));
  return all;
}

const weigh = (all: Iterable<Rollup.OutputChunk>): number => [...all].reduce((sum, { code }) => sum + gzipSync(code).length, 0) / KB;
const names = (all: Iterable<Rollup.OutputChunk>): string => [...all].map(({ fileName, code }) => `${fileName} ${gzipSync(code).length}`).join(', ');

const SIGN_IN = ['app/main.tsx'];
/** With the parser of messages: it is needed for the first of them. */
const SHELL = [...SIGN_IN, 'app/page.tsx', 'app/shell.tsx'];

describe('what the parts of the page weigh', () => {
  const within = (kb: number, all: Set<Rollup.OutputChunk>) => {
    const weight = weigh(all);
    expect(weight, names(all)).toBeLessThanOrEqual(kb);
    // A part that weighs nothing was not found.
    expect(weight).toBeGreaterThan(kb / 10);
  };

  it('the sign-in', () => within(70, closure(...SIGN_IN)));

  it('the lobby of a guest', () => within(70, closure(...SIGN_IN, 'app/page.tsx', 'app/guest/guest-lobby.tsx')));

  it('the chat, all in all', () => within(140, closure(...SHELL)));

  it('a call, beside the chat', () => {
    const chat = closure(...SHELL);
    within(60, new Set([...closure('app/call/call-view.tsx')].filter((chunk) => !chat.has(chunk))));
  });

  it('all styles together', () => {
    const weight = assets.filter(({ fileName }) => fileName.endsWith('.css')).reduce((sum, { source }) => sum + gzipSync(source).length, 0) / KB;
    expect(weight).toBeLessThanOrEqual(20);
    expect(weight).toBeGreaterThan(5);
  });

  it('nobody pays for a language that is not spoken', () => {
    const chat = closure(...SHELL);
    for (const file of ['app/strings/de/index.ts', 'app/strings/pseudo.ts']) expect(chat.has(holding(file)), file).toBe(false);
    for (const { code } of chat) expect(code).not.toContain('Direktnachrichten');
    expect(holding('app/strings/de/index.ts').code).toContain('Direktnachrichten');
  });
});
