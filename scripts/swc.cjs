/** How TypeScript becomes JavaScript here: one set of options for the build (scripts/build.mjs) and for jest. */
const path = require('node:path');
const { compilerOptions } = require('../tsconfig.base.json');

const root = path.resolve(__dirname, '..');

const jsc = {
  parser: { syntax: 'typescript', decorators: true },
  transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  keepClassNames: true,
  target: 'es2022',
};

// `ignoreDynamic`: `await import('an-es-module')` must stay an import, a require() of an ES module fails.
const module_ = { type: 'commonjs', ignoreDynamic: true };

/** For the build: `@drawdown/*` becomes a relative path, so that plain node runs the output. */
const buildOptions = {
  swcrc: false,
  configFile: false,
  cwd: root,
  module: module_,
  sourceMaps: true,
  jsc: {
    ...jsc,
    baseUrl: root,
    paths: Object.fromEntries(
      Object.entries(compilerOptions.paths).map(([alias, targets]) => [
        alias,
        targets.map((to) => to.replace('./', '')),
      ]),
    ),
  },
};

/** For jest, which resolves the aliases itself ({@link moduleNameMapper}). */
const jestOptions = { swcrc: false, module: module_, sourceMaps: 'inline', jsc };

/** tsconfig's `paths` as jest wants them: `@drawdown/adapters/*` → `^@drawdown/adapters/(.*)$`. */
const moduleNameMapper = Object.fromEntries(
  Object.entries(compilerOptions.paths).map(([alias, [to]]) => [
    `^${alias.replace('*', '(.*)')}$`,
    to.replace('./', '<rootDir>/').replace('*', '$1'),
  ]),
);

module.exports = { root, buildOptions, jestOptions, moduleNameMapper };
