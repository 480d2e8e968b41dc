import { canonicalContent, type UsageEvent } from '../events';
import { cloudEvent, DATA, type Fields, withData } from '../testing/cloud-events';
import { isRejection, parseUsageEvent } from './usage-event';

const accepted = (json: unknown): UsageEvent => {
  const parsed = parseUsageEvent(json);
  if (isRejection(parsed)) throw new Error(`${parsed.rejected} at ${parsed.pointer}: ${parsed.detail}`);
  return parsed;
};

describe('two deliveries are the same event', () => {
  const content = (json: unknown): string => canonicalContent(accepted(json));
  const reordered = (object: Fields): Fields => Object.fromEntries(Object.entries(object).reverse());

  test.each<[string, unknown]>([
    ['with other key order', { ...reordered(cloudEvent()), data: reordered(DATA) }],
    [
      'with quantities in another order',
      cloudEvent({}, { quantities: { output_tokens: '310', input_tokens: '1200' } }),
    ],
    ['with 1200.000 for 1200', cloudEvent({}, { quantities: { input_tokens: '1200.000', output_tokens: '310.0' } })],
    ['with decimals in the time', cloudEvent({ time: '2026-03-01T10:00:00.000Z' })],
    ['with nanoseconds in the time', cloudEvent({ time: '2026-03-01T10:00:00.000000999Z' })],
    ['with an offset in the time', cloudEvent({ time: '2026-03-01T12:00:00+02:00' })],
    ['with a cost spelled otherwise', cloudEvent({}, { provider_cost: { currency: 'USD', amount: '0.012300' } })],
    ['with absent things said to be null', cloudEvent({}, { dimensions: null })],
    ['with attributes that say nothing about the charge', cloudEvent({ traceparent: 'x' })],
  ])('BAD-023: %s', (_, json) => {
    expect(content(json)).toBe(content(cloudEvent()));
  });

  test('BAD-023: with dimensions, or a provider’s object, in another order', () => {
    const withDimensions = (dimensions: Fields): string => content(cloudEvent({}, { dimensions }));
    expect(withDimensions({ a: '1', b: '2' })).toBe(withDimensions({ b: '2', a: '1' }));
    const withRaw = (raw: Fields): string => content(withData({ service_type: 'x', usage: { provider: 'p', raw } }));
    expect(withRaw({ a: 1, b: [{ c: 1, d: 2 }] })).toBe(withRaw({ b: [{ d: 2, c: 1 }], a: 1 }));
    expect(withRaw({ a: [1, 2] })).not.toBe(withRaw({ a: [2, 1] }));
    expect(withRaw({ a: [['b', 1]] })).not.toBe(withRaw({ a: { b: 1 } }));
  });

  test.each<[string, unknown]>([
    ['quantity', cloudEvent({}, { quantities: { input_tokens: '1200', output_tokens: '310.000000001' } })],
    [
      'quantity more',
      cloudEvent({}, { quantities: { input_tokens: '1200', output_tokens: '310', reasoning_tokens: '0' } }),
    ],
    ['time', cloudEvent({ time: '2026-03-01T10:00:00.000001Z' })],
    ['model', cloudEvent({}, { model: 'other' })],
    ['workspace', cloudEvent({}, { workspace_id: 'ws2' })],
    ['service type', cloudEvent({}, { service_type: 'email' })],
    ['enforcement', cloudEvent({}, { enforce: true })],
    ['dimension', cloudEvent({}, { dimensions: { a: 'x' } })],
    ['latency', cloudEvent({}, { latency_ms: 813 })],
    ['cost', cloudEvent({}, { provider_cost: { amount: '0.0124', currency: 'USD' } })],
    ['type', cloudEvent({ type: 'other' })],
  ])('BAD-022, INV-INT-2: not with another %s', (_, json) => {
    expect(content(json)).not.toBe(content(cloudEvent()));
  });
});
