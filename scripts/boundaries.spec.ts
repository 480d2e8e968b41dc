import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';

/**
 * A check that checks nothing is green too: the Nx rule is skipped without a project graph, and dependency-cruiser finds
 * nothing with a compiler it cannot read. So both are given forbidden imports, inside a real lib, as `npm run lint` runs them.
 */
const root = path.resolve(__dirname, '..');

interface EslintFile {
  readonly filePath: string;
  readonly messages: readonly { readonly ruleId: string | null; readonly message: string; readonly line: number }[];
}
interface CruiseReport {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

let folder: string;

beforeAll(() => {
  // A folder that begins with a dot and is ignored by git: build, tsc, jest and the Nx project graph do not look into it.
  folder = mkdtempSync(path.join(root, 'libs/kernel/.boundaries-'));
  cpSync(path.join(root, 'scripts/fixtures/forbidden-import'), folder, { recursive: true });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('ESLint refuses a forbidden import, with the project graph present, and local time (FLD-42)', async () => {
  await run('nx/dist/bin/nx.js', ['show', 'projects']); // writes the graph that the rule reads
  const files = JSON.parse(await run('eslint/bin/eslint.js', ['--format', 'json', folder])) as EslintFile[];

  const refused = files.flatMap(({ filePath, messages }) =>
    messages.map(({ ruleId, line }) => `${path.basename(filePath)}:${line} ${ruleId}`),
  );
  expect(refused.sort()).toEqual([
    'forbidden-type.ts:2 @nx/enforce-module-boundaries',
    'forbidden.ts:3 @nx/enforce-module-boundaries',
    'forbidden.ts:4 @nx/enforce-module-boundaries',
    'local-time.ts:5 no-restricted-syntax',
  ]);
});

test('dependency-cruiser refuses a forbidden import, a mere type included', async () => {
  const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', path.relative(root, folder)];
  const report = JSON.parse(await run('dependency-cruiser/bin/dependency-cruise.mjs', args)) as CruiseReport;

  const refused = report.summary.violations
    .filter(({ from }) => from.startsWith(path.relative(root, folder)))
    .map(
      ({ from, to, rule }) =>
        `${path.basename(from)} → ${to.replace(/^node_modules\/(@types\/)?(\w+)\/.*/, '$2')}: ${rule.name}`,
    );
  expect(refused.sort()).toEqual([
    'forbidden-type.ts → libs/ports/src/index.ts: kernel-may-import',
    'forbidden.ts → libs/ledger/src/index.ts: kernel-may-import',
    'forbidden.ts → pg: kernel-packages',
  ]);
});

/** What a tool prints, whatever its exit code: these tools exit with an error when they find something. */
const run = (bin: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = {
      cwd: root,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: '0' },
    };
    execFile(process.execPath, [path.join(root, 'node_modules', bin), ...args], options, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`${bin} printed nothing: ${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
