/**
 * Writes the published contracts under schemas/ from the code: openapi.json, asyncapi.yaml, a JSON Schema per stored
 * event and version, event-metadata.json, usage-event.json. With `--check` writes nothing and says what would change. Schemas of older event versions
 * stay where they are: a released version is for ever.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { dump } from 'js-yaml';
import { build } from './build.mjs';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, 'schemas');

await build({ quiet: true });
const require = createRequire(import.meta.url);
require('reflect-metadata');
const lib = (name) => require(path.join(root, `dist/libs/${name}/src/index.js`));
const { schemaFiles } = lib('http');

const isCheck = process.argv.includes('--check');
const changed = [];
const contracts = new Map(await schemaFiles());
contracts.set('asyncapi.yaml', asyncApi(contracts.get('openapi.json').info));
for (const [name, content] of contracts) {
  const file = path.join(folder, name);
  const after = name.endsWith('.yaml')
    ? dump(content, { lineWidth: 120 })
    : `${JSON.stringify(content, undefined, 2)}\n`;
  const before = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (before === after) continue;
  changed.push(`schemas/${name}${hint(before, after)}`);
  if (isCheck) continue;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, after);
}

if (changed.length === 0) console.log('schemas: up to date');
else if (isCheck) {
  console.error(`schemas: out of date, run \`npm run schemas\`\n\n${changed.join('\n')}`);
  process.exitCode = 1;
} else console.log(changed.join('\n'));

/** What goes over Kafka: each library describes its own topics. */
function asyncApi({ title, version, license }) {
  const parts = [lib('ledger').DESCRIBED_TOPICS, lib('delivery').describedLedger(lib('domain').LEDGER_EVENT_TYPES)];
  const all = (key) => Object.assign({}, ...parts.map((part) => part[key]));
  const description = 'What other systems send to Drawdown over Kafka, and read from it. Set up with `KAFKA_BROKERS`.';
  return {
    asyncapi: '3.0.0',
    info: { title: `${title} over Kafka`, version, description, license },
    defaultContentType: 'application/json',
    channels: all('channels'),
    operations: all('operations'),
    components: { messages: all('messages') },
  };
}

/** Where the first difference is, with a line of what was and what is. */
function hint(before, after) {
  if (before === '') return ': new';
  const [was, is] = [before.split('\n'), after.split('\n')];
  const at = is.findIndex((line, index) => line !== was[index]);
  const line = at === -1 ? is.length - 1 : at;
  return `: line ${line + 1}\n  - ${was[line]?.trim() ?? '(end)'}\n  + ${is[line]?.trim() ?? '(end)'}`;
}
