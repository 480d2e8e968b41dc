import { UsageError } from '../usage-error';
import { mapper, type Mapping } from './mapping';
import { pairsOf } from './targets';

const mappingWith = (parts: Partial<Record<keyof Mapping, unknown>>): Mapping =>
  ({
    columns: new Map([
      ['time', 'at'],
      ['quantities.input_tokens', 'in'],
    ]),
    constants: new Map([
      ['organization', 'acme'],
      ['service_type', 'llm_call'],
      ['source', 'import:usage.csv'],
    ]),
    spread: null,
    timeUtc: false,
    ...parts,
  }) as Mapping;

const eventOf = (mapping: Mapping, record: Readonly<Record<string, unknown>>) =>
  mapper(mapping)(
    7,
    (column) => record[column],
    () => 'line-7',
  );

test('a record becomes a usage event', () => {
  expect(eventOf(mappingWith({}), { at: '2026-03-01T10:00:00Z', in: '120' })).toEqual({
    specversion: '1.0',
    id: 'line-7',
    source: 'import:usage.csv',
    type: 'drawdown.usage.v1',
    subject: 'acme',
    time: '2026-03-01T10:00:00Z',
    data: { service_type: 'llm_call', quantities: { input_tokens: '120' } },
  });
});

test('every target has its place', () => {
  const columns = new Map(
    [
      'id',
      'time',
      'workspace_id',
      'user_id',
      'resource_type',
      'resource_id',
      'quantity',
      'unit',
      'task_id',
      'parent_event_id',
      'latency_ms',
      'provider_cost.amount',
      'provider_cost.currency',
      'dimensions.region',
      'model',
    ].map((target) => [target, target]),
  );
  const record = Object.fromEntries(
    [...columns.keys()].map((target) => [target, target === 'latency_ms' ? '812' : target]),
  );
  expect(eventOf(mappingWith({ columns }), record)).toMatchObject({
    id: 'id',
    time: 'time',
    data: {
      workspace_id: 'workspace_id',
      user_id: 'user_id',
      resource: { type: 'resource_type', id: 'resource_id' },
      quantity: 'quantity',
      unit: 'unit',
      task_id: 'task_id',
      parent_event_id: 'parent_event_id',
      latency_ms: 812,
      provider_cost: { amount: 'provider_cost.amount', currency: 'provider_cost.currency' },
      dimensions: { region: 'dimensions.region' },
      model: 'model',
    },
  });
});

test('a value that is not there leaves its field out', () => {
  const { data } = eventOf(mappingWith({}), { at: '2026-03-01T10:00:00Z' });
  expect(data).toEqual({ service_type: 'llm_call' });
});

test.each([
  ['2023-11-16 18:15:46.6805900', '2023-11-16T18:15:46.6805900Z'],
  ['2023-11-16T18:15:46', '2023-11-16T18:15:46Z'],
  ['2023-11-16 18:15:46 UTC', '2023-11-16T18:15:46Z'],
  ['2023-11-16 18:15:46+02:00', '2023-11-16T18:15:46+02:00'],
  ['2023-11-16T18:15:46.5-01:00', '2023-11-16T18:15:46.5-01:00'],
  ['yesterday', 'yesterday'],
])('with --time-utc %s is %s', (at, time) => {
  expect(eventOf(mappingWith({ timeUtc: true }), { at, in: '1' })).toMatchObject({ time });
});

test('a time without a zone stays as it is, and so invalid, unless told', () => {
  expect(eventOf(mappingWith({}), { at: '2023-11-16 18:15:46' })).toMatchObject({ time: '2023-11-16 18:15:46' });
});

test.each([
  ['time', { columns: new Map([['quantity', 'n']]) }],
  ['organization', { constants: new Map([['service_type', 'llm_call']]) }],
  ['quantity or quantities.<name>', { columns: new Map([['time', 'at']]) }],
])('what is missing for every line is said at once: %s', (what, parts) => {
  expect(() => mapper(mappingWith(parts))).toThrow(`nothing says what ${what} is`);
});

test('a target that is given twice is refused', () => {
  expect(() => mapper(mappingWith({ constants: new Map([...mappingWith({}).constants, ['time', 'now']]) }))).toThrow(
    UsageError,
  );
});

test.each(['time', '=at', 'time=', 'no_such=at', 'quantities.=n', 'quantities.Input=n', 'quantities.__proto__=n'])(
  '--map %s is refused',
  (pair) => {
    expect(() => pairsOf('--map', [pair])).toThrow(UsageError);
  },
);
