import { IsA, IsAmount, IsInstant, IsListOf, IsText, IsWhole } from './fields';
import { IsLimit } from './query-fields';
import { readQuery, readShape } from './read-shape';

class Inner {
  @IsAmount() amount!: string;
  @IsWhole(0, 9, { optional: true }) scale?: number | null;
}
class Outer {
  @IsText() name!: string;
  @IsInstant({ optional: true }) at?: string | null;
  @IsA(() => Inner, { optional: true }) inner?: Inner | null;
  @IsListOf(() => Inner, 2, { optional: true }) list?: Inner[] | null;
}
class Extended extends Outer {
  @IsAmount({ signed: true }) change!: string;
}
class Query {
  @IsLimit() limit?: string;
}

const faults = (act: () => unknown): string[] => {
  try {
    act();
    return [];
  } catch (error) {
    return (error as { errors: { pointer: string; code: string }[] }).errors.map(
      ({ pointer, code }) => `${pointer} ${code}`,
    );
  }
};
const outer = (json: unknown): string[] => faults(() => readShape(Outer, json));

test('gives a body as an instance of its shape, those within included', () => {
  const read = readShape(Outer, { name: 'n', inner: { amount: '1', scale: null }, list: [{ amount: '2' }] });
  expect(read).toBeInstanceOf(Outer);
  expect(read.inner).toBeInstanceOf(Inner);
  expect(read.list?.[0]).toEqual({ amount: '2' });
});

test('lists every finding in document order, missing fields last', () => {
  const json = {
    colour: 1,
    inner: { shade: 1, amount: 1 },
    at: 'x',
    list: [{ amount: '1' }, { amount: 'x', depth: 1 }],
  };
  expect(outer(json)).toEqual([
    '/colour unknown_field',
    '/inner/shade unknown_field',
    '/inner/amount amount_must_be_string',
    '/at invalid_timestamp',
    '/list/1/amount invalid_amount',
    '/list/1/depth unknown_field',
    '/name missing_field',
  ]);
});

test('looks at meaning only where the form is right', () => {
  const large = '900000000000000001';
  expect(outer({ name: 'n', inner: { amount: large } })).toEqual(['/inner/amount amount_out_of_range']);
  expect(outer({ inner: { amount: large } })).toEqual(['/name missing_field']);
});

test.each([
  ['__proto__', '{"name":"n","__proto__":{"at":"x"}}', '/__proto__'],
  ['constructor', '{"name":"n","constructor":{"prototype":{}}}', '/constructor'],
  ['__proto__ within', '{"name":"n","inner":{"amount":"1","__proto__":{"scale":1}}}', '/inner/__proto__'],
  ['a pointer that must be escaped', '{"name":"n","a/b~c":1}', '/a~1b~0c'],
])('%s is an unknown field', (_, json, pointer) => {
  expect(outer(JSON.parse(json))).toEqual([`${pointer} unknown_field`]);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test.each([[[]], [null], ['x'], [1], [undefined]])('%j is no body', (json) =>
  expect(outer(json)).toEqual([' invalid_type']),
);

test('lists have a shape, and an end', () => {
  expect(outer({ name: 'n', list: [] })).toEqual(['/list invalid_value']);
  expect(outer({ name: 'n', list: [1] })).toEqual(['/list invalid_type']);
  expect(outer({ name: 'n', list: {} })).toEqual(['/list invalid_type']);
  expect(outer({ name: 'n', list: [{ amount: '1' }, { amount: '1' }, { amount: '1' }] })).toEqual([
    '/list too_many_items',
  ]);
});

test('of a list that is too long no more is looked at than shows that it is', () => {
  const three = [{ amount: '1' }, { amount: '1' }, { amount: '1' }];
  expect(outer({ name: 'n', list: [...three, { depth: 1 }, 1] })).toEqual(['/list too_many_items']);
  expect(outer({ name: 'n', list: [{ amount: '1', depth: 1 }, ...three] })).toEqual(['/list/0/depth unknown_field']);
});

test('of a thousand findings and more, the first thousand of the document are listed', () => {
  const names = Array.from({ length: 1_500 }, (_, i) => `k${String(i)}`);
  const wrong = Object.fromEntries(names.map((name) => [name, 1]));
  const due = names.slice(0, 999).map((name) => `/inner/${name} unknown_field`);
  expect(outer({ name: 1, inner: { amount: '1', ...wrong } })).toEqual(['/name invalid_type', ...due]);
});

test('a shape has the fields of the shapes it extends', () => {
  expect(faults(() => readShape(Extended, { name: 'n', change: '-1.5' }))).toEqual([]);
  expect(faults(() => readShape(Extended, { name: 'n', change: '-0' }))).toEqual(['/change invalid_amount']);
  expect(faults(() => readShape(Extended, { name: 'n' }))).toEqual(['/change missing_field']);
});

test('a message shows at most 64 characters of the input', () => {
  try {
    readShape(Outer, { name: 'n', ['x'.repeat(500)]: 1 });
  } catch (error) {
    expect(JSON.stringify((error as { errors: unknown }).errors)).not.toContain('x'.repeat(65));
  }
  expect.assertions(1);
});

test('query parameters are known, and given once', () => {
  const query = (given: Record<string, unknown>): string[] => faults(() => readQuery(Query, given));
  expect(query({})).toEqual([]);
  expect(query({ limit: '500' })).toEqual([]);
  expect(query({ limit: ['1', '2'] })).toEqual(['/limit duplicate_parameter']);
  expect(query({ offset: '1' })).toEqual(['/offset unknown_parameter']);
  for (const limit of ['0', '-1', '501', 'abc', '1.5', '', '01', '١'])
    expect(query({ limit })).toEqual(['/limit invalid_limit']);
});
