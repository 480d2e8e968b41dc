import { documentOf } from './testing/yaml';
import { filesBelow, textOf } from './testing/product';

/** All `$ref`s of a document. */
const references = (node: unknown): string[] => {
  if (typeof node !== 'object' || node === null) return [];
  const { $ref } = node as { readonly $ref?: unknown };
  return [...(typeof $ref === 'string' ? [$ref] : []), ...Object.values(node).flatMap(references)];
};

const at = (document: unknown, pointer: string): unknown =>
  pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((node, name) => (node as Record<string, unknown> | undefined)?.[name], document);

test('every reference of schemas/asyncapi.yaml leads to something that is published', () => {
  const document = documentOf('schemas/asyncapi.yaml');
  const all = references(document);
  expect(all.length).toBeGreaterThan(40);
  for (const reference of all) {
    const [file = '', pointer = ''] = reference.split('#');
    const target = file === '' ? document : (JSON.parse(textOf(`schemas/${file}`)) as unknown);
    expect([reference, typeof at(target, pointer)]).toEqual([reference, 'object']);
  }
});

/** What stands in the sources of the ledger as the first text of a call, or the value of a field. */
const codesIn = (pattern: RegExp): readonly string[] => {
  const files = filesBelow('libs/ledger/src').filter(
    (file) => /(?<!spec)\.ts$/.test(file) && !file.includes('/testing/'),
  );
  return [...files.map(textOf).join('\n').matchAll(pattern)].map(([, code]) => code ?? '');
};
const inNone = (codes: readonly string[], { enum: listed }: { readonly enum: readonly string[] }): readonly string[] =>
  codes.filter((code) => !listed.includes(code));

test('every reason of a dead letter that the ledger gives is listed, with what it means', () => {
  const reason = at(
    documentOf('schemas/asyncapi.yaml'),
    '/components/messages/DeadLetter/headers/properties/reason',
  ) as {
    readonly enum: readonly string[];
    readonly description: string;
  };
  const given = codesIn(/\b(?:reject\(|rejected: )'([a-z_]+)'/g);
  const leftNothing = codesIn(/LEFT_NOTHING[^(]*\(\[([^\]]*)\]/g).flatMap((list) => list.match(/[a-z_]+/g) ?? []);
  expect(given).toEqual(expect.arrayContaining(['organization_mismatch', 'decision_failed', 'invalid_command']));
  expect(leftNothing).toContain('organization_not_found');
  expect(inNone([...given, ...leftNothing], reason)).toEqual([]);
  for (const code of reason.enum) expect(reason.description).toContain(`- \`${code}\`: `);
});

test('every code with which the ledger refuses usage is listed where it is answered', () => {
  const refused = codesIn(/\brefusedUsage\('([a-z_]+)'/g).filter((code) => code !== 'taken_before'); // told to nobody
  expect(refused).toEqual(expect.arrayContaining(['organization_not_found', 'out_of_credits']));
  const openapi = JSON.parse(textOf('schemas/openapi.json')) as unknown;
  const results = '/components/schemas/UsageCharged/properties/results/items/properties/code';
  expect(inNone(refused, at(openapi, results) as { enum: string[] })).toEqual([]);
});
