/** Draws scripts/layers.cjs between the markers in README.md; with `--check` only says whether the picture is current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const { layers } = createRequire(import.meta.url)('./layers.cjs');
const readme = path.resolve(import.meta.dirname, '../README.md');
const BEGIN = '<!-- layers:begin -->';
const END = '<!-- layers:end -->';

/** Only the arrows that are not implied by longer paths: the table in full is unreadable as a picture. */
const isDirect = (lib, target) => !layers[lib].some((other) => other !== target && reaches(other, target));
const reaches = (from, to) => layers[from].includes(to) || layers[from].some((next) => reaches(next, to));

const picture = () => {
  const arrows = Object.entries(layers).flatMap(([lib, allowed]) =>
    allowed.filter((target) => isDirect(lib, target)).map((target) => `  ${lib} --> ${target}`),
  );
  const tops = Object.keys(layers).filter((lib) => !Object.values(layers).some((allowed) => allowed.includes(lib)));
  return ['```mermaid', 'flowchart TD', ...tops.map((lib) => `  apps --> ${lib}`), ...arrows, '```'].join('\n');
};

const before = readFileSync(readme, 'utf8');
const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)];
if (begin < 0 || end < begin) throw new Error(`README.md must contain ${BEGIN} and ${END}`);
const after = `${before.slice(0, begin)}${BEGIN}\n\n${picture()}\n\n${before.slice(end)}`;

if (after !== before && process.argv.includes('--check')) {
  console.error('README.md: the picture of the layers is out of date; run `npm run layers`');
  process.exitCode = 1;
} else if (after !== before) {
  writeFileSync(readme, after);
  console.log('README.md: picture of the layers updated');
}
