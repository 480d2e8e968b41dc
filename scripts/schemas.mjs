/**
 * Writes the published contracts under schemas/ from the code: openapi.json, a JSON Schema per stored event and
 * version, usage-event.json. With `--check` writes nothing and says what would change. Schemas of older event versions
 * stay where they are: a released version is for ever.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from './build.mjs';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, 'schemas');

await build({ quiet: true });
const require = createRequire(import.meta.url);
require('reflect-metadata');
const { schemaFiles } = require(path.join(root, 'dist/libs/http/src/index.js'));

const isCheck = process.argv.includes('--check');
const changed = [];
for (const [name, content] of await schemaFiles()) {
  const file = path.join(folder, name);
  const after = `${JSON.stringify(content, undefined, 2)}\n`;
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

/** Where the first difference is, with a line of what was and what is. */
function hint(before, after) {
  if (before === '') return ': new';
  const [was, is] = [before.split('\n'), after.split('\n')];
  const at = is.findIndex((line, index) => line !== was[index]);
  const line = at === -1 ? is.length - 1 : at;
  return `: line ${line + 1}\n  - ${was[line]?.trim() ?? '(end)'}\n  + ${is[line]?.trim() ?? '(end)'}`;
}
