import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The repository, as far as what is deployed has to agree with it. */
export const root = path.resolve(__dirname, '../..');

export const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/**
 * Files below a folder, relative to the root, sorted. Without those that begin with a dot: a spec that runs meanwhile has
 * some of its own there for a moment (scripts/boundaries.spec.ts).
 */
export const filesBelow = (folder: string): readonly string[] =>
  readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .flatMap((entry) => {
      const place = path.join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(place);
      return entry.isFile() ? [place] : [];
    })
    .sort();

/**
 * The processes of the distributed form. Compose, Helm, Prometheus and the README each have to name exactly these.
 */
export const PROCESSES = [
  'api',
  'worker',
  'relay',
  'balance-projector',
  'breakdown-projector',
  'burn-rate-projector',
  'transactions-projector',
  'projectors',
] as const;

/** What `projectors` carries where nobody says otherwise: the models of the processes that it takes the place of. */
export const SHARED_READ_MODELS = ['balances', 'breakdown', 'burn_rate'];

/** Apps that are no process of an installation, and the one process that is all of them. */
const OTHER_APPS = ['bench', 'cli', 'standalone'];

/**
 * What deploy/ names before the code has it. Whatever comes into being has to be taken off these lists: a spec is red
 * until then, so that they cannot hide a name that is wrong.
 */
export const AWAITED: Readonly<Record<'apps' | 'metrics' | 'settings', readonly string[]>> = {
  apps: [],
  metrics: [],
  settings: [],
};

/** What every process of the distributed form is run with; why is said in app-process.ts, which does the same. */
export const NODE_FLAGS = [
  '--max-semi-space-size=64',
  '--min-semi-space-size=32',
  '--no-allocation-site-pretenuring',
  '--enable-source-maps',
];

const TEST_CODE = /\.(spec|faults|kafka|postgres|cluster|conformance)\.ts$|\/testing(\/|\.ts$)|\/in-memory\//;
const sources = (): readonly string[] =>
  [...filesBelow('apps'), ...filesBelow('libs')].filter((file) => file.endsWith('.ts') && !TEST_CODE.test(file));

/** Everything that is in force, as one text. */
export const sourceText = (): string => sources().map(textOf).join('\n');

/**
 * What the code reports, with the port's call that reports it: calls of `Metrics` with a name, wherever they are. What is
 * counted is called `…_total`; other methods of that name count by a label's value.
 */
export const reportedMetrics = (): ReadonlyMap<string, string> =>
  new Map(
    sources()
      .flatMap((file) => [...textOf(file).matchAll(/\b(count|observe|gauge)\(\s*'([a-z][a-z_]+)'/g)])
      .map(([, call, name]) => [name ?? '', call ?? ''] as const)
      .filter(([name, call]) => call !== 'count' || name.endsWith('_total')),
  );

/** The labels that a call of the port writes out, each with its metric. */
export const reportedLabels = (): readonly (readonly [metric: string, label: string])[] => {
  const metrics = reportedMetrics();
  const calls = sources().flatMap((file) => [
    ...textOf(file).matchAll(/\b(?:count|observe|gauge)\(\s*'([a-z][a-z_]+)',[^;{]*\{ ?([^{};]*?) ?\}/g),
  ]);
  return calls
    .filter(([, name = '']) => metrics.has(name))
    .flatMap(([, name = '', labels = '']) =>
      [...labels.matchAll(/(?:^|, )([a-z_]+)/g)].map(([, label = '']) => [name, label] as const),
    );
};

/** Metrics of the process itself, which no call of the port reports. */
export const processMetrics = (): readonly string[] =>
  [...textOf('libs/http/src/server/process-metrics.ts').matchAll(/name: '((?:process|drawdown)_[a-z_]+)'/g)].map(
    ([, name]) => name ?? '',
  );

/**
 * Every environment variable that a process reads, from the tables in files called `settings.ts` or `…-settings.ts`, as
 * far as something imports them.
 */
export const knownSettings = (): ReadonlySet<string> => {
  const code = sourceText();
  const tables = sources().filter(
    (file) => /(^|[/-])settings\.ts$/.test(file) && code.includes(`/${path.basename(file, '.ts')}'`),
  );
  return new Set(
    tables.flatMap((file) =>
      [...textOf(file).matchAll(/^ {2}([A-Z][A-Z0-9_]+): ['`]/gm)].map(([, name]) => name ?? ''),
    ),
  );
};

/** The apps that are processes of the distributed form, as the repository has them. */
export const processApps = (): readonly string[] =>
  readdirSync(path.join(root, 'apps')).filter((name) => !OTHER_APPS.includes(name));
