import { isRejection, parseUsageEvent, type UsageEvent } from '@drawdown/domain';
import type { StreamRecord } from '@drawdown/ports';
import fc from 'fast-check';
import { readUsageRecord, writeUsageRecord } from './usage-record';

type Fields = Readonly<Record<string, unknown>>;
const DATA: Fields = { service_type: 'llm_call', quantities: { input_tokens: '1200', output_tokens: '310' } };
const event = (changes: Fields = {}, data: Fields = {}): Fields => ({
  ...{ specversion: '1.0', id: 'req-1', source: 'agents/eu-1', type: 'drawdown.usage.v1', subject: 'acme' },
  ...{ time: '2026-03-01T10:00:00Z', data: { ...DATA, ...data } },
  ...changes,
});
const record = (value: unknown, headers: StreamRecord['headers'] = {}, key: string | null = 'acme'): StreamRecord => ({
  key,
  value: Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers,
});
const attributes = ({ data: _, ...rest }: Fields): Record<string, string> =>
  Object.fromEntries(Object.entries(rest).map(([name, value]) => [`ce_${name}`, String(value)]));

const read = (given: StreamRecord): UsageEvent => {
  const parsed = readUsageRecord(given);
  if (isRejection(parsed)) throw new Error(`${parsed.rejected} ${parsed.pointer}: ${parsed.detail}`);
  return parsed;
};
const reasonOf = (given: StreamRecord): string => {
  const parsed = readUsageRecord(given);
  return isRejection(parsed) ? parsed.rejected : 'accepted';
};

describe('a usage event is the same in every form', () => {
  const expected = parseUsageEvent(event());

  test.each([
    ['plain JSON', record(event())],
    ['plain JSON that says so', record(event(), { 'content-type': 'application/json' })],
    ['structured', record(event(), { 'content-type': 'application/cloudevents+json; charset=UTF-8' })],
    ['structured, in other letters', record(event(), { 'Content-Type': 'Application/CloudEvents+JSON' })],
    ['binary', record(DATA, { ...attributes(event()), 'content-type': 'application/json' })],
    ['binary without a content type', record(DATA, attributes(event()))],
    // The binding allows structured records to repeat the attributes as headers.
    [
      'structured, attributes repeated',
      record(event(), { ...attributes(event()), 'content-type': 'application/cloudevents+json' }),
    ],
    ['without a key', record(event(), {}, null)],
    ['with headers of other people', record(event(), { 'x-trace': '1', 'ce-id': 'not ours' })],
  ])('%s', (_, given) => expect(read(given)).toEqual(expected));

  test('what is written like usage before is read by the same checks, and what is nearly written like it, too', () => {
    expect(reasonOf(record(event()))).toBe('accepted');
    const text = JSON.stringify(event({ id: '2' }));
    expect(read(record(text))).toEqual(parseUsageEvent(event({ id: '2' })));
    expect(read(record(text.replace('"id"', '"id":"1","id"')))).toEqual(parseUsageEvent(event({ id: '2' })));
    expect(reasonOf(record(`${text} 1`))).toBe('malformed_json');
    expect(reasonOf(record(event({ time: '2026-02-30T10:00:00Z' })))).toBe('invalid_timestamp');
    expect(reasonOf(record(text, {}, 'other'))).toBe('organization_mismatch');
    expect(reasonOf(record(text, { 'content-type': 'application/cloudevents+xml' }))).toBe('unsupported_media_type');
    expect(reasonOf(record(text, attributes(event())))).not.toBe('accepted');
  });

  test('attributes in headers are plain UTF-8: a percent sign is one', () => {
    const binary = record(DATA, { ...attributes(event()), ce_source: 'a%20b/50%' });
    expect(read(binary).source).toBe('a%20b/50%');
  });
});

describe('FLT-35, BAD-046, BAD-048, INV-INT-12: what cannot be read has the reason that HTTP gives', () => {
  const structured = { 'content-type': 'application/cloudevents+json' };
  const deep = JSON.stringify(event({}, { quantities: undefined, usage: { provider: 'x', raw: {} } }));
  test.each<[string, StreamRecord]>([
    ['empty_value', { key: 'acme', value: null, headers: {} }],
    ['empty_value', record('')],
    ['payload_too_large', record(Buffer.alloc(10_000_000, 32))],
    ['malformed_json', record('{')],
    ['malformed_json', record('{} {}')],
    ['malformed_json', record(Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]))],
    ['invalid_encoding', record(Buffer.from([0x22, 0xc3, 0x28, 0x22]))],
    ['missing_field', record({})],
    ['missing_field', record({ hello: 'world' })],
    ['invalid_type', record([event()])],
    ['missing_field', record(event({ specversion: undefined }))],
    ['unsupported_specversion', record(event({ specversion: '0.3' }))],
    ['unsupported_specversion', record(DATA, { ...attributes(event()), ce_specversion: '0.3' })],
    ['missing_field', record(DATA, { ce_specversion: '1.0' })],
    ['invalid_id', record(DATA, { ...attributes(event()), ce_id: 'a%' })],
    ['invalid_header', record(DATA, { ...attributes(event()), 'ce_Some-Thing': 'x' })],
    ['unknown_field', record(DATA, { ...attributes(event()), ce_unheard: 'x' })],
    ['invalid_value', record(DATA, { ...attributes(event()), 'content-type': 'application/avro' })],
    ['unsupported_media_type', record(event(), { 'content-type': 'application/cloudevents+avro' })],
    ['unsupported_media_type', record([event()], { 'content-type': 'application/cloudevents-batch+json' })],
    ['amount_must_be_string', record(event({}, { quantities: { input_tokens: 1 } }), structured)],
    ['too_deep', record(`${'['.repeat(40)}${']'.repeat(40)}`)],
    ['too_deep', record(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)],
    ['too_deep', record(deep.replace('"raw":{}', `"raw":{"a":${'['.repeat(40)}${']'.repeat(40)}}`))],
    ['organization_mismatch', record(event(), {}, 'other')],
  ])('%s', (reason, given) => expect(reasonOf(given)).toBe(reason));
});

test('what the product writes itself is read as the very same usage event', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/);
  const quantity = fc.bigInt({ min: 0n, max: 10n ** 17n }).map((n) => String(n));
  const nullable = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
  const id = fc.stringMatching(/^[A-Za-z0-9._:-]{1,40}$/);
  const data = fc.record({
    ...{ workspace_id: nullable(id), user_id: nullable(id), service_type: id, task_id: nullable(id) },
    resource: nullable(fc.record({ type: id, id })),
    model: nullable(fc.constantFrom('anthropic/claude', '漢字 with spaces', 'q"u\\o')),
    provider_cost: nullable(
      fc.record({ amount: fc.constantFrom('0.1', '12.000000001'), currency: fc.constant('EUR') }),
    ),
    ...{ parent_transaction_id: nullable(id), parent_event_id: nullable(id) },
    latency_ms: nullable(fc.nat()),
    dimensions: nullable(fc.dictionary(name, id, { maxKeys: 4 })),
    enforce: fc.boolean(),
  });
  const measured = fc.oneof(
    fc.record({ quantities: fc.dictionary(name, quantity, { minKeys: 1, maxKeys: 5 }) }),
    fc.record({ quantity, unit: fc.constantFrom('hours', 'GB') }),
    fc.record({ usage: fc.record({ provider: id, raw: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })) }) }),
  );
  fc.assert(
    fc.property(data, measured, id, (of, by, eventId) => {
      const json = JSON.stringify(event({ id: eventId, data: { ...of, ...by } }));
      const usage = parseUsageEvent(JSON.parse(json));
      if (isRejection(usage)) throw new Error(`${usage.rejected} ${usage.pointer}`);
      expect(read(writeUsageRecord(usage))).toStrictEqual(usage);
    }),
    { numRuns: 300 },
  );
});
