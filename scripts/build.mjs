/**
 * Compiles apps/ and libs/ into dist/ at the same paths. Incremental by modification time; types are not checked here
 * (`npm run typecheck`). Files appear by rename, so that two builds, or a build and a running test, never meet half a file.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { prepareReadDatabase } from './read-database.mjs';

const { root, buildOptions } = createRequire(import.meta.url)('./swc.cjs');

const SOURCES = ['apps', 'libs'];
/** What the output depends on besides its own source: when one of these changes, everything is compiled again. */
const RECIPE = ['scripts/build.mjs', 'scripts/swc.cjs', 'tsconfig.base.json', 'node_modules/@swc/core/package.json'];
const RECIPE_STAMP = path.join(root, 'dist/.recipe');
const ASSET = /\/src\/.*\.(sql|json|html|css)$/;
const TEST = /\.(spec|faults|kafka|postgres|cluster)\.ts$/;

/** Brings dist/ up to date. Throws {@link BuildError} when a source does not compile; what did compile is written all the same. */
export async function build({ quiet = false } = {}) {
  const started = performance.now();
  const recipe = await hashOf(RECIPE);
  const sameRecipe = recipe === (await readFile(RECIPE_STAMP, 'utf8').catch(() => ''));
  const files = (await Promise.all(SOURCES.map((folder) => walk(folder)))).flat();
  const jobs = files.map(jobOf).filter((job) => job !== undefined);

  const fresh = await Promise.all(jobs.map((job) => sameRecipe && isFresh(job)));
  const stale = jobs.filter((_, index) => !fresh[index]);
  const failures = (await Promise.all(stale.map(run))).filter((failure) => failure !== undefined);
  const removed = await removeOrphans(new Set(jobs.flatMap((job) => [job.to, `${job.to}.map`])));

  if (failures.length > 0) throw new BuildError(failures);
  if (!sameRecipe) await put(RECIPE_STAMP, recipe);
  const summary = `build: ${stale.length} compiled, ${jobs.length - stale.length} up to date, ${removed} removed`;
  if (!quiet) console.log(`${summary} (${Math.round(performance.now() - started)} ms)`);
  await prepareReadDatabase({ quiet });
}

export class BuildError extends Error {
  constructor(failures) {
    super(`build failed in ${failures.length} file(s)\n\n${failures.join('\n\n')}`);
    this.name = 'BuildError';
  }
}

function jobOf(from) {
  if (ASSET.test(from)) return { from, to: `dist/${from}`, make: copy };
  if (!from.endsWith('.ts') || from.endsWith('.d.ts') || TEST.test(from)) return undefined;
  return { from, to: `dist/${from.slice(0, -3)}.js`, make: compile };
}

async function run({ from, to, make }) {
  try {
    const modified = await modifiedAt(path.join(root, from)); // before reading: a change while we compile makes it stale again
    await make(from, path.join(root, to), new Date(modified));
    return undefined;
  } catch (error) {
    const [message] = String(error?.message ?? error).split('\n\nCaused by:'); // what follows is swc's own stack
    return `${from}\n${message.trim()}`;
  }
}

async function compile(from, to, modified) {
  const { transformFile } = await import('@swc/core'); // loaded only when there is something to compile
  const source = path.join(root, from);
  const sourceFileName = path.relative(path.dirname(to), source);
  const { code, map } = await transformFile(source, { ...buildOptions, sourceFileName });
  if (/\bimport\((['"`])@drawdown\//.test(code)) {
    throw new Error('import() of an alias is not rewritten and fails at run time: use a static import');
  }
  await put(`${to}.map`, map);
  await put(to, `${code}//# sourceMappingURL=${path.basename(to)}.map\n`, modified);
}

async function copy(from, to, modified) {
  await put(to, await readFile(path.join(root, from)), modified);
}

/** Writes under another name first; carries the source's time, which is how {@link isFresh} knows it again. */
async function put(to, content, modified) {
  const temporary = `${to}.${process.pid}.tmp`;
  await mkdir(path.dirname(to), { recursive: true });
  await writeFile(temporary, content);
  if (modified) await utimes(temporary, modified, modified);
  await rename(temporary, to);
}

async function isFresh({ from, to }) {
  const [source, output] = await Promise.all([modifiedAt(path.join(root, from)), modifiedAt(path.join(root, to))]);
  return source === output;
}

/** In whole milliseconds, which survive being set on another file; 0 for a file that is not there. */
async function modifiedAt(file) {
  try {
    return Math.round((await stat(file)).mtimeMs);
  } catch (error) {
    if (error.code === 'ENOENT') return 0;
    throw error;
  }
}

async function hashOf(files) {
  const contents = await Promise.all(files.map((file) => readFile(path.join(root, file))));
  return createHash('sha256').update(Buffer.concat(contents)).digest('hex');
}

/** Every file below `folder`, relative to the root; folders that begin with a dot and node_modules are left out. */
async function walk(folder) {
  const entries = await readdir(path.join(root, folder), { withFileTypes: true }).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const found = entries
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .map((entry) => (entry.isDirectory() ? walk(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]));
  return (await Promise.all(found)).flat();
}

/** Removes outputs whose source is gone: a deleted module must not go on working. */
async function removeOrphans(wanted) {
  const present = (await Promise.all(SOURCES.map((folder) => walk(`dist/${folder}`)))).flat();
  const orphans = present.filter((file) => !wanted.has(file) && !file.endsWith('.tmp'));
  await Promise.all(orphans.map((file) => rm(path.join(root, file), { force: true })));
  return orphans.filter((file) => !file.endsWith('.map')).length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await build();
  } catch (error) {
    console.error(error instanceof BuildError ? error.message : error);
    process.exitCode = 1;
  }
}
