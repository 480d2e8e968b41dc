import { projectors } from '@drawdown/projections';
import Ajv from 'ajv';
import { AWAITED, filesBelow, knownSettings, PROCESSES, SHARED_READ_MODELS, textOf } from '../testing/product';
import { documentOf } from '../testing/yaml';

type Json = Readonly<Record<string, unknown>>;

const chart = 'deploy/helm/drawdown';
const schema = JSON.parse(textOf(`${chart}/values.schema.json`)) as Json;
const check = new Ajv({ allErrors: true, strict: false }).compile(schema);
const defaults = documentOf(`${chart}/values.yaml`) as Json;
const templates = filesBelow(`${chart}/templates`).map((file) => ({ file, text: textOf(file) }));

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The defaults under what somebody gives, as Helm puts them together. */
const over = (below: unknown, above: unknown): unknown => {
  if (!isObject(below) || !isObject(above)) return above;
  const names = new Set([...Object.keys(below), ...Object.keys(above)]);
  return Object.fromEntries(
    [...names].map((name) => [name, name in above ? over(below[name], above[name]) : below[name]]),
  );
};

const faultsOf = (given: unknown): readonly string[] => {
  check(over(defaults, given));
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
};
const example = documentOf(`${chart}/ci/example-values.yaml`) as Json;

test('the defaults with the least that has to be said are accepted', () => {
  expect(faultsOf(example)).toEqual([]);
  expect(faultsOf(documentOf(`${chart}/ci/full-values.yaml`))).toEqual([]);
});

test('without a place for the image, the servers or their secrets nothing is installed', () => {
  expect(faultsOf({}).map((fault) => fault.split(' ')[0])).toEqual([
    '/image/repository',
    '/eventStore/urlSecret/name',
    '/kafka/brokers',
    '/database/urlSecret/name',
  ]);
});

test.each([
  ['a value that is not known', { replicas: 3 }, ' must NOT have additional properties'],
  ['the tag latest', { image: { tag: 'latest' } }, '/image/tag must NOT be valid'],
  ['a process that there is not', { processes: { projector: { replicas: 1 } } }, '/processes must NOT have'],
  ['no shard', { shards: 0 }, '/shards must be >= 1'],
  ['a broker without a port', { kafka: { brokers: 'kafka' } }, '/kafka/brokers must match pattern'],
  [
    'oauthbearer without an endpoint',
    { kafka: { sasl: { mechanism: 'oauthbearer' } } },
    '/kafka/sasl/tokenUrl must NOT',
  ],
  ['an endpoint in clear text', { kafka: { sasl: { tokenUrl: 'http://login' } } }, '/kafka/sasl/tokenUrl must match'],
  [
    'an issuer without an audience',
    { oidc: { issuer: 'https://login.example.com' } },
    '/oidc/audience must NOT have fewer',
  ],
  ['a digest that is none', { image: { digest: 'sha256:12' } }, '/image/digest must match pattern'],
])('%s is refused', (_, given, fault) => {
  expect(faultsOf(over(example, given)).join('\n')).toContain(fault);
});

test('each process of the installation has its values', () => {
  expect(Object.keys(defaults['processes'] as Json)).toEqual(PROCESSES);
});

test('values of a release that had no process for several read models are accepted', () => {
  const { projectors: _, ...before } = defaults['processes'] as Json;
  check({ ...defaults, ...example, processes: before });
  expect(check.errors).toBeNull();
});

test('the read models that may share a process are those that there are', () => {
  const names = projectors.map(({ name }) => name);
  expect(faultsOf(over(example, { readModels: names }))).toEqual([]);
  expect(faultsOf(over(example, { readModels: ['balance'] })).join()).toContain(
    '/readModels/0 must be equal to one of',
  );
  expect(defaults['readModels']).toEqual(SHARED_READ_MODELS);
  expect(defaults['processes']).toMatchObject({ projectors: { replicas: 0 } });
  for (const name of names) expect(textOf('deploy/README.md')).toContain(`\`${name}\``);
});

test.each([
  ['eventStore', 'tlsCAFile=', '/etc/eventstore-ca'],
  ['database', 'sslrootcert=', '/etc/database-ca'],
])('an authority of the %s may be given, and is said to be where it is mounted', (server, parameter, folder) => {
  expect(faultsOf(over(example, { [server]: { caSecret: { name: 'authority', key: 'ca.pem' } } }))).toEqual([]);
  expect(textOf(`${chart}/templates/_pod.tpl`)).toContain(`mountPath: ${folder}\n`);
  for (const file of ['deploy/README.md', `${chart}/values.yaml`]) {
    expect(textOf(file)).toContain(`${parameter}${folder}/ca.crt`);
  }
});

test('a template asks only for values that there are', () => {
  const asked = templates.flatMap(({ text }) =>
    [...text.matchAll(/(?:\.Values|\$values)((?:\.\w+)+)/g)].map(([, path]) => (path ?? '').slice(1)),
  );
  expect(asked.length).toBeGreaterThan(30);
  expect([...new Set(asked)].filter((path) => !isDeclared(path))).toEqual([]);
});

const isDeclared = (path: string): boolean => {
  let at: unknown = schema;
  for (const name of path.split('.')) {
    const properties: unknown = isObject(at) ? at['properties'] : undefined;
    at = isObject(properties) ? properties[name] : undefined;
  }
  return at !== undefined;
};

test('a setting that a process is given is one that it knows', () => {
  const known = new Set([...knownSettings(), ...AWAITED.settings]);
  const given = [...textOf(`${chart}/templates/_environment.tpl`).matchAll(/- name: ([A-Z_]+)/g)].map(
    ([, name]) => name ?? '',
  );
  expect(given.length).toBeGreaterThan(8);
  expect(given.filter((name) => !known.has(name))).toEqual([]);
});

test('every block of a template is closed', () => {
  for (const { file, text } of templates) {
    const opened = text.match(/\{\{-? *(if|range|with|define)\b/g)?.length ?? 0;
    const closed = text.match(/\{\{-? *end\b/g)?.length ?? 0;
    expect({ file, closed, braces: text.split('{{').length }).toEqual({
      file,
      closed: opened,
      braces: text.split('}}').length,
    });
  }
});
