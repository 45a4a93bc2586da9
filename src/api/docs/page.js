// Shows openapi.json. Plain DOM calls only: the page's policy allows no markup from strings.
'use strict';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

/** A schema as people write shapes: `{id: string, thread: ThreadSummary | null, …}`. */
function shape(schema, known, depth = 0) {
  if (!schema || schema === true) return 'any';
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    return depth < 2 && known[name] ? shape(known[name], known, depth + 1) : name;
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((one) => shape(one, known, depth + 1)).join(' | ');
  const types = [schema.type ?? 'any'].flat();
  return types.map((type) => {
    if (type === 'array') return schema.prefixItems ? `[${schema.prefixItems.map((one) => shape(one, known, depth)).join(', ')}]` : `${shape(schema.items, known, depth)}[]`;
    if (type !== 'object' || !schema.properties) return type + limits(schema, type);
    const pad = '  '.repeat(depth + 1);
    const required = new Set(schema.required);
    const lines = Object.entries(schema.properties).map(
      ([name, field]) => `${pad}${name}${required.has(name) ? '' : '?'}: ${shape(field, known, depth + 1)}`,
    );
    return lines.length ? `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}` : '{}';
  }).join(' | ');
}

function limits(schema, type) {
  const from = type === 'string' ? schema.minLength : schema.minimum;
  const to = type === 'string' ? schema.maxLength : schema.maximum;
  const range = to === undefined ? '' : ` ${from ?? 0}–${to}`;
  return (schema.format && type === 'string' ? ` (${schema.format})` : '') + range;
}

function table(heads, rows) {
  const head = element('tr', '', ...heads.map((text) => element('th', text)));
  return element('table', '', head, ...rows.map((row) => element('tr', '', ...row.map((text) => element('td', text)))));
}

function inside(operation, known) {
  const box = element('div');
  box.className = 'inside';
  const names = operation.parameters ?? [];
  if (names.length) {
    const rows = names.map((one) => [one.name + (one.required ? '' : '?'), one.in, shape(one.schema, known, 2), one.description ?? '']);
    box.append(element('h3', 'Parameters'), table(['name', 'in', 'what', ''], rows));
  }
  const body = operation.requestBody?.content['application/json'].schema;
  if (body && Object.keys(body.properties).length) box.append(element('h3', 'Body'), element('pre', shape(body, known)));
  const refused = [];
  for (const [status, answer] of Object.entries(operation.responses)) {
    const good = answer.content?.['application/json'];
    if (good) box.append(element('h3', `${status} ${answer.description}`), element('pre', shape(good.schema, known)));
    else refused.push([status, answer.description]);
  }
  box.append(element('h3', 'Refused'), table(['status', 'why'], refused));
  return box;
}

function entry(path, method, operation, known) {
  const verb = element('span', method);
  verb.className = 'method';
  const summary = element('summary', '', verb, element('code', path), ` ${operation.summary}`);
  const box = element('details', '', summary);
  box.dataset.words = `${method} ${path} ${operation.operationId} ${operation.summary}`.toLowerCase();
  // Most are never opened.
  box.addEventListener('toggle', () => box.append(inside(operation, known)), { once: true });
  return box;
}

async function show() {
  const answer = await fetch('openapi.json');
  if (!answer.ok) throw new Error(`the document could not be loaded (${answer.status})`);
  const api = await answer.json();
  document.getElementById('version').textContent = api.info.version;
  document.getElementById('about').textContent = api.info.description;
  const sections = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const tag = item[method].tags[0];
      if (!sections.has(tag)) sections.set(tag, element('section', '', element('h2', tag)));
      sections.get(tag).append(entry(api.servers[0].url + path, method, item[method], api.components.schemas));
    }
  }
  const list = document.getElementById('list');
  list.replaceChildren(...sections.values());
  document.getElementById('filter').addEventListener('input', (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const section of sections.values()) {
      const boxes = [...section.querySelectorAll('details')];
      for (const box of boxes) box.hidden = !words.every((word) => box.dataset.words.includes(word));
      section.hidden = boxes.every((box) => box.hidden);
    }
  });
}

show().catch((error) => document.getElementById('list').replaceChildren(element('p', String(error))));
