import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
// @ts-expect-error -- a tool without types
import { TYPES, types } from '../tools/types.mjs';

test('the types are those of the published schema', async () => {
  const written = await readFile(TYPES as URL, 'utf8');
  expect(written === (await types()), 'run `make schemas`').toBe(true);
});
