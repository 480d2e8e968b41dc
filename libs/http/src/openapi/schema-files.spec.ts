import { Ajv } from 'ajv';
import { ROUTES } from '../access/routes';
import { ANSWERS } from './answer-table';
import { schemaFiles } from './schema-files';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}
interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly responses: Readonly<Record<string, unknown>>;
}

let files: ReadonlyMap<string, object>;
let document: Document;
let operations: readonly (readonly [route: string, operation: Operation])[];

beforeAll(async () => {
  files = await schemaFiles();
  document = files.get('openapi.json') as Document;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(
      ([method, operation]) => [`${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`, operation] as const,
    ),
  );
});

test('every route of the table is documented, and nothing else', () => {
  const due = Object.entries(ROUTES).flatMap(([route, rights]) => (rights === 'public' ? [] : [route]));
  expect(operations.map(([route]) => route).sort()).toEqual(due.sort());
  expect(Object.keys(ANSWERS).sort()).toEqual(due.sort());
});

test('operation ids are unique, path parameters complete, keys required where credits move', () => {
  const ids = operations.map(([, { operationId }]) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [route, { parameters }] of operations) {
    const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `:${name}`);
    expect([route, inPath.sort()]).toEqual([route, (route.match(/:\w+/g) ?? []).sort()]);
    const rights = ROUTES[route];
    const key = parameters.find(({ name }) => name === 'Idempotency-Key');
    expect([route, key?.required ?? false]).toEqual([route, rights !== 'public' && rights?.idempotency === 'required']);
  }
});

test('every reference leads somewhere', () => {
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]*)"/g)) {
    expect(document.components.schemas).toHaveProperty(name ?? '');
  }
});

test('every published schema is one', () => {
  const ajv = new Ajv({ strict: true, validateFormats: false, allowUnionTypes: true });
  for (const [name, schema] of files)
    if (name !== 'openapi.json') expect([name, ajv.validateSchema(schema)]).toEqual([name, true]);
  const usage = ajv.compile(files.get('usage-event.json') ?? {});
  const data = { service_type: 'compute', quantity: '1.5', unit: 'hours' };
  const event = {
    specversion: '1.0',
    id: '1',
    source: 's',
    type: 't',
    subject: 'acme',
    time: '2026-05-01T00:00:00Z',
    data,
  };
  expect(usage(event)).toBe(true);
  expect(usage({ ...event, data: { ...data, quantity: 1.5 } })).toBe(false);
  expect(usage({ ...event, colour: 'red' })).toBe(false);
});
