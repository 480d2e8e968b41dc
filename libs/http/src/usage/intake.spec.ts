import { readIntake } from './intake';

const event = (
  id: string,
  subject = 'acme',
  data: object = { service_type: 'compute', quantity: '1', unit: 'hours' },
) => ({
  specversion: '1.0',
  id,
  source: 's',
  type: 'drawdown.usage.v1',
  time: '2026-05-01T00:00:00Z',
  subject,
  data,
});
const structured = { 'content-type': 'application/cloudevents+json' };
const batch = { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' };
const json = { 'content-type': 'application/json' };
const code = (act: () => unknown): string => {
  try {
    act();
    return 'fine';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test('the four forms of one event are the same usage', () => {
  const { data, ...attributes } = event('1');
  const headers = Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`ce-${name}`, encodeURIComponent(value)]),
  );
  const forms = [
    readIntake(json, event('1'), null),
    readIntake(json, [event('1')], null),
    readIntake(structured, event('1'), null),
    readIntake(batch, [event('1')], null),
    readIntake({ ...json, ...headers }, data, null),
  ];
  for (const { usages } of forms) expect(usages).toEqual(forms[0]?.usages);
  expect(forms[0]?.usages).toMatchObject([{ id: '1', organizationId: 'acme' }]);
});

test('keeps the places of what it takes and what it refuses', () => {
  const { count, usages, places, rejected } = readIntake(json, [null, event('a'), {}, event('b')], null);
  expect([count, usages.map(({ id }) => id), places]).toEqual([4, ['a', 'b'], [1, 3]]);
  expect(rejected.map(({ index, id, rejection }) => [index, id, rejection.rejected])).toEqual([
    [0, null, 'invalid_type'],
    [2, null, 'missing_field'],
  ]);
});

test('events of another organization than the key’s do not exist for it', () => {
  const { usages, rejected } = readIntake(json, [event('1'), event('2', 'other')], 'acme');
  expect(usages).toHaveLength(1);
  expect(rejected).toMatchObject([{ index: 1, id: '2', rejection: { rejected: 'organization_not_found' } }]);
});

test('an event cannot pass itself off as the answer about it', () => {
  const forged = { rejected: 'no_rate', pointer: '/x', detail: 'forged' };
  expect(readIntake(json, forged, null).rejected[0]?.rejection.rejected).not.toBe('no_rate');
  expect(readIntake({ ...json, 'ce-id': '1' }, forged, null).rejected[0]?.rejection.rejected).not.toBe('no_rate');
});

test('a request is refused whole only where it cannot be parsed', () => {
  expect(code(() => readIntake(json, [], null))).toBe('batch_empty');
  expect(
    code(() =>
      readIntake(
        json,
        Array.from({ length: 1001 }, () => 0),
        null,
      ),
    ),
  ).toBe('batch_too_large');
  expect(code(() => readIntake(structured, [event('1')], null))).toBe('invalid_type');
  expect(code(() => readIntake(batch, event('1'), null))).toBe('invalid_type');
  expect(code(() => readIntake(json, 'x', null))).toBe('invalid_type');
});
