import { TypeCompiler } from '@sinclair/typebox/compiler';
import { cloudEvent, DATA, type Fields, withData, without } from '../testing/cloud-events';
import { isRejection, parseUsageEvent, UsageCloudEvent } from './usage-event';

const fast = TypeCompiler.Compile(UsageCloudEvent);

const quantity = (value: unknown): Fields => cloudEvent({}, { quantities: { input_tokens: value } });
const dimensions = (count: number): Fields =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`d${String(n)}`, 'x']));
const RTL = String.fromCharCode(0x202e);

describe('a usage event is rejected', () => {
  test.each<[string, unknown, string, string]>([
    ['BAD-020: without id', without(cloudEvent(), 'id'), 'missing_field', '/id'],
    ['BAD-020: id empty', cloudEvent({ id: '' }), 'invalid_id', '/id'],
    ['BAD-020: id of spaces', cloudEvent({ id: '  ' }), 'invalid_id', '/id'],
    ['BAD-020: id of 129 characters', cloudEvent({ id: 'x'.repeat(129) }), 'invalid_id', '/id'],
    ['BAD-020: id with a newline', cloudEvent({ id: 'a\n' }), 'invalid_id', '/id'],
    ['BAD-020: id with a right-to-left override', cloudEvent({ id: `a${RTL}b` }), 'invalid_id', '/id'],
    ['BAD-025: quantity null', quantity(null), 'invalid_type', '/data/quantities/input_tokens'],
    ['BAD-025: quantity true', quantity(true), 'invalid_type', '/data/quantities/input_tokens'],
    ['BAD-025: quantity []', quantity([]), 'invalid_type', '/data/quantities/input_tokens'],
    ['BAD-025: quantity {}', quantity({}), 'invalid_type', '/data/quantities/input_tokens'],
    ['BAD-025: quantity empty', quantity(''), 'invalid_amount', '/data/quantities/input_tokens'],
    ['BAD-025: no quantities', withData(without(DATA, 'quantities')), 'missing_field', '/data/quantities'],
    ['BAD-025: quantities empty', cloudEvent({}, { quantities: {} }), 'missing_field', '/data/quantities'],
    [
      'BAD-025: quantity without its unit',
      withData({ service_type: 'x', quantity: '1' }),
      'missing_field',
      '/data/unit',
    ],
    ...[
      '-1',
      '-0',
      '-0.000001',
      '1e3',
      'NaN',
      'Infinity',
      '0x10',
      '1_000',
      '١',
      '1,5',
      '+1',
      ' 1',
      '01',
      '.5',
      '5.',
    ].map((text): [string, unknown, string, string] => [
      `BAD-026, BAD-028: ${JSON.stringify(text)}`,
      quantity(text),
      'invalid_amount',
      '/data/quantities/input_tokens',
    ]),
    ...[1, 1.5, Number('9007199254740993')].map((number): [string, unknown, string, string] => [
      `BAD-029: the number ${String(number)}`,
      quantity(number),
      'amount_must_be_string',
      '/data/quantities/input_tokens',
    ]),
    [
      'BAD-029: single quantity as number',
      withData({ service_type: 'x', quantity: 1, unit: 'h' }),
      'amount_must_be_string',
      '/data/quantity',
    ],
    [
      'BAD-029: cost as number',
      cloudEvent({}, { provider_cost: { amount: 1, currency: 'USD' } }),
      'amount_must_be_string',
      '/data/provider_cost/amount',
    ],
    ['BAD-030: 10 decimals', quantity('0.1234567891'), 'amount_too_precise', '/data/quantities/input_tokens'],
    ['BAD-030: 40 decimals', quantity(`0.${'1'.repeat(40)}`), 'amount_too_precise', '/data/quantities/input_tokens'],
    [
      'a quantity past the range',
      quantity('900000000000000001'),
      'amount_out_of_range',
      '/data/quantities/input_tokens',
    ],
    [
      'a single quantity past the range',
      withData({ service_type: 'x', quantity: '1e3', unit: 'h' }),
      'invalid_amount',
      '/data/quantity',
    ],
    [
      'BAD-035: negative cost',
      cloudEvent({}, { provider_cost: { amount: '-1', currency: 'USD' } }),
      'invalid_amount',
      '/data/provider_cost/amount',
    ],
    [
      'a currency that is none',
      cloudEvent({}, { provider_cost: { amount: '1', currency: 'usd' } }),
      'invalid_value',
      '/data/provider_cost/currency',
    ],
    ['BAD-036: without time', without(cloudEvent(), 'time'), 'missing_field', '/time'],
    ...[
      '2026-03-01T10:00:00',
      '+02:00',
      '2026-03-01T10:00:00+2:00',
      '2026-02-30T00:00:00Z',
      '2026-03-01T24:00:00Z',
      '2026-03-01T10:00:60Z',
      '0000-01-01T00:00:00Z',
      '10000-01-01T00:00:00Z',
      '1772359200',
      '',
      '2026-03-01T10:00:00.1234567890Z',
    ].map((time): [string, unknown, string, string] => [
      `BAD-036, BAD-037: time ${JSON.stringify(time)}`,
      cloudEvent({ time }),
      'invalid_timestamp',
      '/time',
    ]),
    ['BAD-036: time in epoch seconds', cloudEvent({ time: 1772359200 }), 'invalid_timestamp', '/time'],
    ['time true', cloudEvent({ time: true }), 'invalid_type', '/time'],
    ['BAD-040: 33 dimensions', cloudEvent({}, { dimensions: dimensions(33) }), 'too_many_keys', '/data/dimensions'],
    [
      'BAD-040: a dimension that is an object',
      cloudEvent({}, { dimensions: { a: {} } }),
      'invalid_type',
      '/data/dimensions/a',
    ],
    [
      'BAD-040: a dimension of 201 characters',
      cloudEvent({}, { dimensions: { a: 'x'.repeat(201) } }),
      'invalid_value',
      '/data/dimensions/a',
    ],
    [
      'a dimension with a control character',
      cloudEvent({}, { dimensions: { a: 'x\u0000' } }),
      'invalid_value',
      '/data/dimensions/a',
    ],
    ...(
      [
        ['/type', cloudEvent({ type: 'x\ud800' })],
        ['/data/model', cloudEvent({}, { model: '\udfff-1' })],
        ['/data/unit', withData({ service_type: 'x', quantity: '1', unit: 'h\ud83d' })],
        ['/data/dimensions/b', cloudEvent({}, { dimensions: { a: '\u{1f600}', b: '\ude00\ud83d' } })],
      ] as const
    ).map(([pointer, event]): [string, unknown, string, string] => [
      `half of a surrogate pair in ${pointer}`,
      event,
      'invalid_value',
      pointer,
    ]),
    ['a dimension of another name', cloudEvent({}, { dimensions: { A: 'x' } }), 'invalid_name', '/data/dimensions/A'],
    [
      'a dimension whose name has a line break',
      cloudEvent({}, { dimensions: { 'a\nb': {} } }),
      'invalid_name',
      '/data/dimensions/a\nb',
    ],
    [
      '65 quantities',
      cloudEvent({}, { quantities: Object.fromEntries(Object.keys(dimensions(65)).map((n) => [n, '1'])) }),
      'too_many_keys',
      '/data/quantities',
    ],
    [
      'a quantity of another name',
      cloudEvent({}, { quantities: { 'a/b~c': '1' } }),
      'invalid_name',
      '/data/quantities/a~1b~0c',
    ],
    [
      'a quantity whose name has a line break',
      cloudEvent({}, { quantities: { 'a\nb': 5 } }),
      'invalid_name',
      '/data/quantities/a\nb',
    ],
    ['BAD-012: an unknown field', cloudEvent({ balance_after: '1' }), 'unknown_field', '/balance_after'],
    [
      'BAD-012: an unknown field of data',
      cloudEvent({}, { organization_id: 'o' }),
      'unknown_field',
      '/data/organization_id',
    ],
    [
      'an unknown field of the resource',
      cloudEvent({}, { resource: { type: 'agent', id: 'a', role: 'x' } }),
      'unknown_field',
      '/data/resource/role',
    ],
    [
      'an unknown field whose name is long, which is cut',
      cloudEvent({}, { ['a/~b'.repeat(1_000)]: 1 }),
      'unknown_field',
      `/data/${'a~1~0b'.repeat(16)}`,
    ],
    [
      'a dimension whose name is long, which is cut',
      cloudEvent({}, { dimensions: { ['x'.repeat(1_000)]: 1 } }),
      'invalid_type',
      `/data/dimensions/${'x'.repeat(64)}`,
    ],
    ['a resource without id', cloudEvent({}, { resource: { type: 'agent' } }), 'missing_field', '/data/resource/id'],
    ['BAD-042: without subject', without(cloudEvent(), 'subject'), 'missing_field', '/subject'],
    ['BAD-046: something else', { hello: 'world' }, 'missing_field', '/specversion'],
    ['BAD-013: an array', [], 'invalid_type', ''],
    ['BAD-013: null', null, 'invalid_type', ''],
    ['BAD-013: a text', 'x', 'invalid_type', ''],
    ['BAD-013: a number', 1, 'invalid_type', ''],
    ['without data', without(cloudEvent(), 'data'), 'missing_field', '/data'],
    ['data that is a text', cloudEvent({ data: 'x' }), 'invalid_type', '/data'],
    ['without service type', withData(without(DATA, 'service_type')), 'missing_field', '/data/service_type'],
    ['a service type with a space', cloudEvent({}, { service_type: 'llm call' }), 'invalid_name', '/data/service_type'],
    ['a workspace that is no id', cloudEvent({}, { workspace_id: 'a b' }), 'invalid_id', '/data/workspace_id'],
    ['a latency below 0', cloudEvent({}, { latency_ms: -1 }), 'invalid_value', '/data/latency_ms'],
    ['a latency of part of a millisecond', cloudEvent({}, { latency_ms: 1.5 }), 'invalid_type', '/data/latency_ms'],
    ['enforce as a text', cloudEvent({}, { enforce: 'true' }), 'invalid_type', '/data/enforce'],
    ['BAD-048: without specversion', without(cloudEvent(), 'specversion'), 'missing_field', '/specversion'],
    ['BAD-048: specversion 0.3', cloudEvent({ specversion: '0.3' }), 'unsupported_specversion', '/specversion'],
    [
      'BAD-049: usage and quantities',
      cloudEvent({}, { usage: { provider: 'openai', raw: {} } }),
      'invalid_value',
      '/data',
    ],
    ['BAD-049: quantity and quantities', cloudEvent({}, { quantity: '1', unit: 'h' }), 'invalid_value', '/data'],
    ['quantities with a unit', cloudEvent({}, { unit: 'h' }), 'invalid_value', '/data/unit'],
    [
      'a usage object past its limit',
      withData({ service_type: 'x', usage: { provider: 'p', raw: { a: 'x'.repeat(70_000) } } }),
      'payload_too_large',
      '/data/usage/raw',
    ],
  ])('%s', (_, json, code, pointer) => {
    const parsed = parseUsageEvent(json);
    expect(isRejection(parsed) ? [parsed.rejected, parsed.pointer] : parsed).toEqual([code, pointer]);
    expect(isRejection(parsed) ? parsed.detail.length : 0).toBeLessThanOrEqual(120);
  });

  test('names a missing or unknown field before a value that does not fit', () => {
    expect(parseUsageEvent({ ...without(cloudEvent(), 'subject'), id: '' })).toMatchObject({
      rejected: 'missing_field',
    });
    expect(parseUsageEvent(cloudEvent({ id: '', extra: 1 }))).toMatchObject({
      rejected: 'unknown_field',
      pointer: '/extra',
    });
    // Also one that lies deeper.
    expect(parseUsageEvent({ ...withData(without(DATA, 'service_type')), id: '' })).toMatchObject({
      rejected: 'missing_field',
      pointer: '/data/service_type',
    });
  });

  test('BAD-009: a prototype in the JSON changes nothing and is refused', () => {
    const json: unknown = JSON.parse(JSON.stringify(cloudEvent()).replace('{', '{"__proto__":{"role":"owner"},'));
    expect(parseUsageEvent(json)).toMatchObject({ rejected: 'unknown_field', pointer: '/__proto__' });
    const dimension: unknown = JSON.parse(
      JSON.stringify(cloudEvent({}, { dimensions: { p: 'x' } })).replace('"p"', '"__proto__"'),
    );
    expect(parseUsageEvent(dimension)).toMatchObject({ rejected: 'invalid_name' });
    expect(({} as Fields)['role']).toBeUndefined();
  });
});

describe('the fast path and the diagnosis agree', () => {
  /** One value for every place of a valid event, each replaced by everything that JSON can be. */
  const values: unknown[] = [
    null,
    true,
    0,
    -1,
    1.5,
    '',
    'x',
    '1',
    ' ',
    '2026-03-01T10:00:00Z',
    [],
    {},
    [1],
    { a: '1' },
    { a: 1 },
  ];
  const paths = (json: unknown, path: string[] = []): string[][] =>
    typeof json === 'object' && json !== null
      ? [path, ...Object.entries(json).flatMap(([key, value]) => paths(value, [...path, key]))]
      : [path];
  const replaced = (json: unknown, [key, ...rest]: string[], value: unknown): unknown =>
    key === undefined ? value : { ...(json as Fields), [key]: replaced((json as Fields)[key], rest, value) };

  test('INV-INT-12: whatever stands anywhere, what the schema takes is never called a wrong shape, and what it does not take always has a code', () => {
    const whole = cloudEvent(
      { datacontenttype: 'application/json' },
      { dimensions: { a: 'x' }, enforce: true, parent_event_id: 'p' },
    );
    let [taken, refused] = [0, 0];
    for (const path of paths(whole)) {
      for (const value of values) {
        const json = replaced(whole, path, value);
        const parsed = parseUsageEvent(json);
        if (fast.Check(json)) taken++;
        else {
          refused++;
          expect(isRejection(parsed)).toBe(true);
        }
        if (!isRejection(parsed)) continue;
        expect(parsed.rejected).toMatch(/^[a-z_]+$/);
        expect(
          `/${path.join('/')}`.startsWith(parsed.pointer) ||
            parsed.pointer.startsWith(`/${path.join('/')}`) ||
            path.length === 0,
        ).toBe(true);
      }
    }
    expect(taken).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(200);
  });

  test('INV-INT-12: every optional field left out is taken', () => {
    const whole = cloudEvent({ traceparent: 'x' }, { dimensions: { a: 'x' }, enforce: true });
    for (const name of [
      'workspace_id',
      'user_id',
      'resource',
      'model',
      'provider_cost',
      'parent_transaction_id',
      'task_id',
      'latency_ms',
      'dimensions',
      'enforce',
    ]) {
      const json = { ...whole, data: without(whole['data'] as Fields, name) };
      expect(fast.Check(json)).toBe(true);
      expect(isRejection(parseUsageEvent(json))).toBe(false);
    }
  });
});

test('what is too large is told so, and not how an amount is written', () => {
  expect(parseUsageEvent(cloudEvent({}, { quantities: { input_tokens: '900000000000000001' } }))).toMatchObject({
    detail: 'amounts lie within 9·10¹⁷',
  });
  expect(parseUsageEvent(cloudEvent({}, { quantities: { input_tokens: '1e3' } }))).toMatchObject({
    detail: expect.stringContaining('plain decimal text') as string,
  });
});
