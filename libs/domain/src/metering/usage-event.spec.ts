import { chargeId, organizationNamespace, parseInstant } from '@drawdown/kernel';
import type { UsageEvent } from '../events';
import { cloudEvent, DATA, withData } from '../testing/cloud-events';
import { isRejection, parseUsageEvent, structuredOf } from './usage-event';

const accepted = (json: unknown): UsageEvent => {
  const parsed = parseUsageEvent(json);
  if (isRejection(parsed)) throw new Error(`${parsed.rejected} at ${parsed.pointer}: ${parsed.detail}`);
  return parsed;
};

describe('a usage event', () => {
  test('is read whole: exact amounts, UTC time, absent things null', () => {
    expect(accepted(cloudEvent())).toEqual({
      organizationId: 'org_acme',
      source: 'agents/eu-1',
      id: 'req-8841',
      type: 'drawdown.usage.v1',
      time: '2026-03-01T10:00:00.000000Z',
      workspaceId: 'ws1',
      userId: 'u1',
      serviceType: 'llm_call',
      resourceType: 'agent',
      resourceId: 'support-bot',
      model: 'anthropic/claude-sonnet-4.5',
      quantities: [
        ['input_tokens', 1_200_000_000_000n],
        ['output_tokens', 310_000_000_000n],
      ],
      unit: null,
      providerCost: { amount: 12_300_000n, currency: 'USD' },
      parentTransactionId: null,
      taskId: 'task-7',
      latencyMs: 812,
      dimensions: null,
      enforce: false,
      raw: null,
    });
  });

  test('needs no more than a service type and a quantity', () => {
    const least = accepted(withData({ service_type: 'compute', quantity: '3', unit: 'hours' }));
    expect(least).toMatchObject({ quantities: [['quantity', 3_000_000_000n]], unit: 'hours', workspaceId: null });
  });

  test('may carry attributes that say nothing about the charge', () => {
    expect(
      accepted(cloudEvent({ datacontenttype: 'application/json', traceparent: '00-1-2-01', partitionkey: 'k' })),
    ).toEqual(accepted(cloudEvent()));
  });

  test('names its parent by transaction, or by event of the same source', () => {
    const id = chargeId(organizationNamespace('org_acme'), 'agents/eu-1', 'parent-1');
    expect(accepted(cloudEvent({}, { parent_event_id: 'parent-1' })).parentTransactionId).toBe(id);
    expect(accepted(cloudEvent({}, { parent_event_id: 'x', parent_transaction_id: id })).parentTransactionId).toBe(id);
  });

  test('BAD-049: may give a provider’s own usage object instead of quantities', () => {
    const raw = { prompt_tokens: 5, nested: { cached: 1 } };
    const event = accepted(withData({ service_type: 'llm_call', usage: { provider: 'openai', raw } }));
    expect(event).toMatchObject({ quantities: [], raw: { provider: 'openai', usage: JSON.stringify(raw) } });
  });
});

describe('a binary-mode CloudEvent', () => {
  const headers = {
    'ce-specversion': '1.0',
    'ce-id': 'req%201',
    'ce-source': 'agents%2Feu-1',
    'content-type': 'application/json',
  };

  test('becomes the structured one, its attributes percent-decoded', () => {
    expect(structuredOf(headers, DATA)).toEqual({ specversion: '1.0', id: 'req 1', source: 'agents/eu-1', data: DATA });
    expect(structuredOf({ ce_id: 'x', 'ce-data': 'y' }, 1)).toEqual({ id: 'x', data: 1 });
  });

  test.each([
    ['a broken percent escape', { 'ce-id': '%E0%A4%A' }, '/id'],
    ['a header given twice', { 'ce-id': ['a', 'b'] }, ''],
    ['an attribute that cannot be', { 'ce-Id': 'x' }, ''],
    ['an empty name', { 'ce-': 'x' }, ''],
  ])('BAD-048: with %s is rejected', (_, wrong, pointer) => {
    const result = structuredOf(wrong, DATA);
    expect(result).toMatchObject({ rejected: 'invalid_header', pointer });
  });
});

test('INV-TIM-5: a time is cut to the microsecond, never rounded', () => {
  expect(accepted(cloudEvent({ time: '2026-03-01T10:00:00.999999999Z' })).time).toBe(
    parseInstant('2026-03-01T10:00:00.999999Z'),
  );
});
