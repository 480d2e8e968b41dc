/**
 * The second witness for imports (the first is @nx/enforce-module-boundaries): the same table, over paths instead of
 * projects, and what Nx does not see: cycles inside a lib, adapters importing each other, test code in production.
 */
const { layers, specLayers, packages, modulePackages, testPackages, testPackagesOf } = require('./scripts/layers.cjs');

const TEST_CODE = '(\\.(spec|faults|kafka|postgres|cluster|conformance)\\.ts$|/testing\\.ts$|/testing/|/in-memory/)';
const MODULE_FILE = '\\.module\\.ts$';

const anyOf = (names) => `(${names.map((name) => name.replaceAll('.', '\\.')).join('|')})`;
/** A package's files, its types included. */
const inPackages = (names) =>
  `node_modules/${anyOf(names.flatMap((name) => [name, `@types/${name.replace(/^@(.*)\/(.*)$/, '$1__$2')}`]))}/`;

const SPEC = '\\.(spec|faults|kafka|postgres|cluster)\\.ts$';

const mayImport = (kind, lib, from, allowed) => ({
  name: `${lib}${kind}-may-import`,
  comment: `${lib} may import ${allowed.length === 0 ? 'no other lib' : allowed.join(', ')} here: scripts/layers.cjs`,
  severity: 'error',
  from,
  to: { path: '^(libs|apps|scripts)/', pathNot: `^libs/${anyOf([lib, ...allowed])}/` },
});

const between = Object.entries(layers).flatMap(([lib, allowed]) => [
  mayImport('', lib, { path: `^libs/${lib}/`, pathNot: SPEC }, allowed),
  mayImport('-specs', lib, { path: `^libs/${lib}/.*${SPEC}` }, [...allowed, ...(specLayers[lib] ?? [])]),
]);

const outside = Object.keys(layers).flatMap((lib) => {
  const rule = (kind, from, allowed) => ({
    name: `${lib}-packages${kind}`,
    comment: `${lib} may use ${allowed.length === 0 ? 'no package' : allowed.join(', ')} here: scripts/layers.cjs`,
    severity: 'error',
    from,
    to: { path: 'node_modules/', ...(allowed.length === 0 ? {} : { pathNot: inPackages(allowed) }) },
  });
  const own = packages[lib];
  const inModule = [...own, ...(modulePackages[lib] ?? [])];
  return [
    rule('', { path: `^libs/${lib}/`, pathNot: `(${TEST_CODE}|${MODULE_FILE})` }, own),
    rule('-in-module', { path: `^libs/${lib}/.*${MODULE_FILE}` }, inModule),
    rule('-in-tests', { path: `^libs/${lib}/.*${TEST_CODE}` }, [
      ...inModule,
      ...testPackages,
      ...(testPackagesOf[lib] ?? []),
    ]),
  ];
});

module.exports = {
  forbidden: [
    ...between,
    ...outside,
    {
      name: 'no-app-from-app',
      comment: 'an app is a list of modules; what two apps share belongs in a lib',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'no-cycle',
      comment: 'files that import each other, types included, are one file or need a third',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'adapters-stand-alone',
      comment:
        'an adapter is removed with its folder: no technology knows another; testing/ is none, and cluster/ runs the servers of them all',
      severity: 'error',
      from: { path: '^libs/adapters/src/(?!cluster/)([^/]+)/' },
      to: { path: '^libs/adapters/src/[^/]+/', pathNot: '^libs/adapters/src/($1|testing)/' },
    },
    {
      name: 'projections-read-events-only',
      comment: 'of the domain, read models know the events (@drawdown/domain/events), not the rules',
      severity: 'error',
      from: { path: '^libs/projections/', pathNot: TEST_CODE },
      to: { path: '^libs/domain/', pathNot: '^libs/domain/src/events(/|\\.ts$)' },
    },
    {
      name: 'no-test-code-in-production',
      comment: 'the bench is no production: it measures on the servers that the tests start',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: `(${TEST_CODE}|^apps/bench/)` },
      to: { path: TEST_CODE, pathNot: 'node_modules/' },
    },
    {
      name: 'resolvable',
      comment: 'an import that resolves to nothing would escape every other rule',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true, // otherwise `import type` is invisible
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'types'] },
  },
};
