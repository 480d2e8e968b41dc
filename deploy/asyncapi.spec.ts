import { documentOf } from './testing/yaml';
import { textOf } from './testing/product';

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

test('every reason of a dead letter is listed with what it means', () => {
  const reason = at(
    documentOf('schemas/asyncapi.yaml'),
    '/components/messages/DeadLetter/headers/properties/reason',
  ) as {
    readonly enum: readonly string[];
    readonly description: string;
  };
  expect(reason.enum).toEqual(expect.arrayContaining(['organization_mismatch', 'decision_failed', 'invalid_command']));
  for (const code of reason.enum) expect(reason.description).toContain(`- \`${code}\`: `);
});
