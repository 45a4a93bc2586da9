// The SDK's types of everything on the wire, from the published schema. `node tools/types.mjs` writes them.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';

const SCHEMA = new URL('../../docs/schemas/socket.json', import.meta.url);
export const TYPES = new URL('../sdk/types.gen.ts', import.meta.url);

const BANNER = '/* Written by `make schemas` from docs/schemas/socket.json. Edits are lost. */';

/** Formats of numbers and titles of fields would only become names that nobody asked for. */
function plain(schema) {
  if (Array.isArray(schema)) return schema.map(plain);
  if (schema === null || typeof schema !== 'object') return schema;
  const { title, ...rest } = schema;
  // Lengths of lists would become tuples of every length.
  if (rest.type === 'array' || (Array.isArray(rest.type) && rest.type.includes('array'))) {
    if (!rest.prefixItems) {
      delete rest.maxItems;
      delete rest.minItems;
    } else {
      rest.items = rest.prefixItems;
      delete rest.prefixItems;
    }
  }
  if (typeof title === 'object') rest.title = title;
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, plain(value)]));
}

export async function types() {
  const { $defs } = plain(JSON.parse(await readFile(SCHEMA, 'utf8')));
  for (const frame of ['CommandFrame', 'AnswerFrame', 'EventFrame']) delete $defs[frame];
  const maps = ['Commands', 'Answers', 'Events'];
  const wire = {
    type: 'object',
    description: 'All that goes over the wire.',
    properties: Object.fromEntries(maps.map((name) => [name.toLowerCase(), { $ref: `#/$defs/${name}` }])),
    required: maps.map((name) => name.toLowerCase()),
    $defs,
  };
  const text = await compile(wire, 'Wire', {
    additionalProperties: false,
    bannerComment: BANNER,
    unreachableDefinitions: true,
    style: { singleQuote: true, printWidth: 110 },
  });
  const where = / \* This interface was referenced by `Wire`'s JSON-Schema\n \* via the `definition` "\w+"\.\n/g;
  return text.replace(where, '').replace(/\n \*\n \*\/\n/g, '\n */\n').replace(/\/\*\*\n \*\/\n/g, '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(TYPES, await types());
