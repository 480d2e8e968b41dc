/** Writes the skeleton of an event, a command, a projection or an adapter, with its failing test, and lists it where it belongs. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { PORT_NAMES, SKELETONS } from './new/skeletons.mjs';

const HELP = `npm run new -- KIND NAME      writes a skeleton and its failing test

  event GrantFrozen           a fact of the ledger: declaration, sample, no effects yet
  command FreezeGrant         a credit rule: decide and answer
  projection GrantHistory     a read model: tables, apply, save
  adapter RedisSnapshotStore  a port (${PORT_NAMES.join(', ')}) on a technology

NAME is in PascalCase: a fact in the past tense, a command in the imperative. Nothing is written where anything is amiss.
--root FOLDER  works on another copy of the repository`;

/** What the caller has to put right. */
class Refused extends Error {}

const kebab = (name) => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();

const namesOf = (name) => ({
  name,
  kebab,
  camel: name.charAt(0).toLowerCase() + name.slice(1),
  file: kebab(name),
  snake: kebab(name).replaceAll('-', '_'),
});

/** `line` before `anchor`, which has to be there, and the import below the others. */
const edited = (file, text, [imported, line, anchor]) => {
  const at = typeof anchor === 'string' ? text.indexOf(anchor) : text.search(anchor);
  if (at < 0)
    throw new Refused(
      `${file} has no place any more for ${line.trim()}; scripts/new/skeletons.mjs looks for ${anchor}`,
    );
  const after = text.slice(0, at) + line + text.slice(at);
  if (imported === '') return after;
  const end = [...after.matchAll(/^(?:import .*|\} )from '.*';\n/gm)]
    .map((found) => found.index + found[0].length)
    .at(-1);
  return `${after.slice(0, end)}${imported}\n${after.slice(end)}`;
};

/** All texts as they are to be, by file; nothing is written yet. */
const textsOf = async (root, { files, edits }, { name, camel }) => {
  const texts = new Map(Object.entries(files));
  for (const file of texts.keys()) {
    const folder = file.replace(/\.ts$/, '');
    for (const there of [file, folder]) {
      if (existsSync(path.join(root, there))) throw new Refused(`${name} is taken: there is ${there}`);
    }
  }
  for (const file of new Set(edits.map(([each]) => each))) {
    const text = readFileSync(path.join(root, file), 'utf8');
    if (new RegExp(`\\b(?:${name}|${camel})\\b`).test(text)) throw new Refused(`${name} is taken: see ${file}`);
    texts.set(
      file,
      edits.reduce((now, [each, ...edit]) => (each === file ? edited(file, now, edit) : now), text),
    );
  }
  const prettier = await import('prettier'); // here, so that a refusal does not wait for it
  const style = await prettier.resolveConfig(import.meta.filename);
  for (const [file, text] of texts) {
    texts.set(
      file,
      await prettier.format(text, { ...style, filepath: file }).catch((cause) => {
        throw new Refused(`${name} cannot be a name in ${file}: ${cause.message}`, { cause });
      }),
    );
  }
  return texts;
};

/** Writes all of them; where one cannot be written, none is left changed. */
const write = (root, texts) => {
  const undo = [];
  try {
    for (const [file, text] of texts) {
      const place = path.join(root, file);
      const before = existsSync(place) ? readFileSync(place) : undefined;
      const made = mkdirSync(path.dirname(place), { recursive: true });
      undo.unshift(() =>
        before === undefined ? rmSync(made ?? place, { recursive: true, force: true }) : writeFileSync(place, before),
      );
      writeFileSync(place, text);
    }
  } catch (cause) {
    for (const step of undo) step();
    throw new Refused(`nothing was written: ${cause.message}`, { cause });
  }
};

const run = async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      root: { type: 'string', default: path.resolve(import.meta.dirname, '..') },
    },
  });
  if (values.help) return HELP;
  const [kind, name, ...more] = positionals;
  if (kind === undefined || name === undefined || more.length > 0)
    throw new Refused(`say a kind and a name\n\n${HELP}`);
  if (!Object.hasOwn(SKELETONS, kind)) {
    throw new Refused(`there is no kind ${kind}; there are ${Object.keys(SKELETONS).join(', ')}`);
  }
  if (!/^(?:[A-Z][a-z0-9]+)+$/.test(name)) {
    throw new Refused(`${name} is not in PascalCase (letters and digits, each word with one capital: ApiKeyShown)`);
  }
  const names = namesOf(name);
  const skeleton = SKELETONS[kind](names);
  const texts = await textsOf(values.root, skeleton, names);
  write(values.root, texts);
  const spec = Object.keys(skeleton.files).find((file) => file.endsWith('.spec.ts'));
  const said = [...texts.keys()].map((file) => `  ${file in skeleton.files ? 'new    ' : 'changed'} ${file}`);
  return [
    ...said,
    '',
    `Next: npm test -- ${spec}   (red; it says what is to be decided)`,
    ...skeleton.left.map((each) => `  then ${each}`),
  ].join('\n');
};

try {
  console.log(await run());
} catch (error) {
  const expected = error instanceof Refused || error instanceof RangeError || error.code?.startsWith('ERR_PARSE_ARGS');
  if (!expected) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
