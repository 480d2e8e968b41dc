import nx from '@nx/eslint-plugin';
import { defineConfig } from 'eslint/config';
import prettier from 'eslint-config-prettier/flat';
import tseslint from 'typescript-eslint';
import table from './scripts/layers.cjs';

const { layers, specLayers, packages, modulePackages, testPackages, testPackagesOf, testFiles } = table;

/** The Nx form of the table; `extra(lib)` and `more(lib)` are the packages and libs that a kind of file may import on top. */
const boundaries = (extra, more = () => []) => ({
  '@nx/enforce-module-boundaries': [
    'error',
    {
      allow: [],
      banTransitiveDependencies: true,
      depConstraints: [
        ...Object.entries(layers).map(([lib, allowed]) => ({
          sourceTag: `lib:${lib}`,
          onlyDependOnLibsWithTags: [...allowed, ...more(lib)].map((name) => `lib:${name}`),
          allowedExternalImports: [...packages[lib], ...extra(lib)].flatMap((name) => [name, `${name}/*`]),
        })),
        { sourceTag: 'app', onlyDependOnLibsWithTags: Object.keys(layers).map((lib) => `lib:${lib}`) },
        { sourceTag: 'scripts', onlyDependOnLibsWithTags: ['*'] },
      ],
    },
  ],
});
const inModule = (lib) => modulePackages[lib] ?? [];
const inTests = (lib) => [...inModule(lib), ...testPackages, ...(testPackagesOf[lib] ?? [])];

/** Code whose result must be the same on every replay: it may not ask the world anything. */
const DETERMINISTIC = [
  'libs/kernel/**/*.ts',
  'libs/domain/**/*.ts',
  'libs/ledger/src/fold*.ts',
  'libs/ledger/src/fold*/**/*.ts',
];
const TIMERS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];

/** Whatever asks for the zone that a process happens to run in. */
const localTime = [
  String.raw`MemberExpression[property.name=/^[gs]et(FullYear|Month|Date|Day|Hours|Minutes|Seconds|Milliseconds|TimezoneOffset)$/]`,
  'MemberExpression[property.name=/^to(Locale)?(Date|Time)String$/]',
  'NewExpression[callee.name="Date"][arguments.length>1]',
].map((selector) => ({ selector, message: 'one zone, UTC: take the UTC form, or an Instant' }));

const onlyTests = ['test', 'it', 'describe'].map((object) => ({
  object,
  property: 'only',
  message: 'the other tests would be skipped in CI, silently',
}));

export default defineConfig(
  { ignores: ['**/dist/', '**/node_modules/', '.nx/', 'scripts/fixtures/', 'schemas/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{ts,mjs,cjs}'],
    rules: {
      'no-empty': 'error',
      'no-unreachable': 'error',
      'no-constant-condition': ['error', { checkLoops: false }],
      'no-fallthrough': 'error',
      'no-unsafe-finally': 'error',
      'no-self-compare': 'error',
      'no-loss-of-precision': 'error',
      'no-eval': 'error',
      'no-new-func': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unnecessary-boolean-literal-compare': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // It knows no branded bigint: `-amount` is what Credits are for. The compiler checks the operand.
      '@typescript-eslint/no-unsafe-unary-minus': 'off',
      // It calls `as readonly Slice[]` unnecessary where the assertion decides the type that an event's reader is inferred to have.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // An async function without await is how a synchronous adapter implements a port.
      '@typescript-eslint/require-await': 'off',
      // A decorated Nest class needs the real import: the container reads it at run time.
      '@typescript-eslint/consistent-type-imports': 'off',
      'no-restricted-syntax': ['error', ...localTime],
      ...boundaries(() => []),
    },
  },
  { files: ['**/*.module.ts'], rules: boundaries(inModule) },
  {
    files: testFiles,
    rules: {
      ...boundaries(inTests),
      'no-restricted-properties': ['error', ...onlyTests],
      '@typescript-eslint/unbound-method': 'off', // expect(store.append) is not a call
    },
  },
  {
    files: ['**/*.spec.ts', '**/*.faults.ts', '**/*.kafka.ts', '**/*.postgres.ts', '**/*.cluster.ts'],
    rules: boundaries(inTests, (lib) => specLayers[lib] ?? []),
  },
  {
    files: DETERMINISTIC,
    ignores: testFiles,
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Date', message: 'time is an argument: take `now` as an Instant' },
        { name: 'parseFloat', message: 'amounts and rates are exact, never floats' },
        { name: 'crypto', message: 'ids are arguments, or derived from what is known' },
        ...['process', 'performance', ...TIMERS].map((name) => ({ name, message: 'a replay must not depend on it' })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'a replay must give the same result' },
        { object: 'Number', property: 'parseFloat', message: 'amounts and rates are exact, never floats' },
        ...['Date', 'process', 'crypto', 'performance', ...TIMERS].map((property) => ({
          object: 'globalThis',
          property,
        })),
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            ...['node:crypto', 'crypto'].map((name) => ({
              name,
              importNames: ['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues', 'webcrypto'],
              message: 'ids are arguments, or derived from what is known',
            })),
            ...['node:timers', 'timers', 'node:timers/promises', 'node:process', 'process', 'node:perf_hooks'].map(
              (name) => ({
                name,
                message: 'a replay must not depend on it',
              }),
            ),
          ],
        },
      ],
    },
  },
  {
    // The copy that scripts/boundaries.spec.ts lints belongs to no tsconfig.
    files: ['**/.boundaries-*/**'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: false } },
  },
  prettier,
);
