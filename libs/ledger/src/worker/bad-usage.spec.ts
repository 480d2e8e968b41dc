import { readFileSync } from 'node:fs';
import path from 'node:path';
import { flatRate, instant, preset } from '@drawdown/domain/testing';
import type { StreamRecord } from '@drawdown/ports';
import { readDeadLetter } from '../stream/dead-letter';
import { DEAD_LETTER_TOPIC, USAGE_TOPIC } from '../stream/topics';
import { writeUsageRecord } from '../stream/usage-record';
import { mustBeAccepted, recorded, SENDER, used } from '../testing';
import { eventually, furnish, openDistributed } from '../testing/distributed';

/** A bad usage event as the changes to a good one, as the specs of HTTP and of the import have it, too. */
interface Vector {
  readonly id: string;
  readonly edits?: readonly (readonly [pointer: string, value: unknown])[];
  readonly authorization?: string;
  readonly expect: {
    readonly rejected?: string;
    readonly pointer?: string;
    readonly outcome?: string;
    readonly code?: string;
  };
}

const VECTORS = path.resolve(__dirname, '../../../http/src/bad-input/usage.json');
/** A producer has the topic's credential; that of a key which is bound to an organization is a matter of HTTP. */
const all = (JSON.parse(readFileSync(VECTORS, 'utf8')) as Vector[]).filter(
  ({ authorization }) => authorization === undefined,
);
const vectors = all.filter(({ expect: { rejected } }) => rejected !== undefined);
const kept = all.filter(({ expect: { outcome } }) => outcome === 'quarantined');
/** The present time of which they speak. */
const NOW = '2026-05-01T00:00:00Z';

const [ACME, CLOSED] = ['acme', 'org-6'];
const SHARD = 1;

const eventOf = (id: string): Record<string, unknown> => ({
  specversion: '1.0',
  id,
  source: 'bad-input',
  type: 'drawdown.usage.v1',
  time: NOW,
  subject: ACME,
  data: { workspace_id: 'w1', user_id: 'u1', service_type: 'compute', quantity: '1', unit: 'hours' },
});

const recordOf = (event: unknown): StreamRecord => ({
  key: null,
  value: Buffer.from(JSON.stringify(event)),
  headers: { 'content-type': 'application/cloudevents+json' },
});

const badRecord = ({ edits = [] }: Vector, place: number): StreamRecord => {
  const event = eventOf(`vector-${String(place)}`);
  for (const [pointer, value] of edits) {
    const keys = pointer.split('/').slice(1);
    const last = keys.pop() ?? '';
    const at = keys.reduce((object, key) => object[key] as Record<string, unknown>, event);
    if (value === '$missing') delete at[last];
    else {
      const named: unknown = value === '{closed}' ? CLOSED : value;
      Object.defineProperty(at, last, { value: named, enumerable: true, configurable: true, writable: true });
    }
  }
  return recordOf(event);
};

test('INV-INT-12: a record of the usage topic is a dead letter for the reason that HTTP refuses the same event with', async () => {
  expect(vectors.length).toBeGreaterThan(40);
  const world = openDistributed();
  try {
    await world.worker();
    const api = await world.api();
    await furnish(api);
    const make = { type: 'CreateOrganization', name: 'x', preset: preset(), plan: null, testClock: null } as const;
    await mustBeAccepted(api.run(make, CLOSED));
    await mustBeAccepted(api.run({ type: 'CloseOrganization', reason: 'over' }, CLOSED));
    const before = (await recorded(world.store, SHARD)).length;

    const sent = jest.spyOn(world.stream, 'send');
    const records = vectors.map(badRecord);
    await world.stream.send(USAGE_TOPIC, SHARD, [
      ...records,
      writeUsageRecord(used('good', '1', { organizationId: ACME })),
    ]);
    const letters = async () =>
      (await world.recordsOf(DEAD_LETTER_TOPIC)).flatMap((record) => readDeadLetter(record) ?? []);
    await eventually(async () => (await letters()).length >= vectors.length);
    const reasons = new Map((await letters()).map(({ record, reason }) => [String(record.value), reason]));
    const found = vectors.map(({ id }, place) => [id, reasons.get(String(records[place]?.value))]);
    expect(found).toEqual(vectors.map(({ id, expect: { rejected } }) => [id, rejected]));
    expect(await letters()).toHaveLength(vectors.length);
    // Each takes a moment of what everybody waits for who sends to the shard.
    expect(sent.mock.calls.filter(([topic]) => topic === DEAD_LETTER_TOPIC).length).toBeLessThan(5);

    // Nothing of them is in the ledger, and what comes behind them is decided.
    const decided = async () => (await recorded(world.store, SHARD)).slice(before);
    await eventually(async () => (await decided()).length > 0);
    expect((await decided()).map(({ event }) => event.type)).toEqual(['UsageCharged']);
  } finally {
    await world.close();
  }
});

test('BAD-011, -032, -033, -038, -039, -049: what cannot be priced lies in quarantine, where it waits for its card, and not among the dead letters', async () => {
  expect(kept.length).toBeGreaterThan(10);
  const world = openDistributed();
  try {
    world.clock.moveTo(instant(NOW));
    const { metrics } = await world.worker();
    const api = await world.api();
    await furnish(api, '100', [ACME]);
    // The card that they are about: tokens of one model, and hours.
    const tokens = { type: 'per_token', per: '1000', input: '0.5', output: '2' } as const;
    const rates = [{ service_type: 'llm_call', model: 'm', price: tokens }, flatRate('compute', '2', 'hours')];
    const { rateCards } = api.catalogue;
    await rateCards.create({ key: 'world', name: 'World', unit: 'credit', organizationId: null }, SENDER);
    await rateCards.saveVersion('world', { rates, rounding: null, effectiveFrom: null }, SENDER);
    await rateCards.activateVersion('world', 1, instant('2026-01-01'), SENDER);
    await mustBeAccepted(api.run({ type: 'AssignRateCard', rateCard: 'world' }, ACME));

    const good = recordOf(eventOf('good'));
    await world.stream.send(USAGE_TOPIC, SHARD, [...kept.map(badRecord), good]);
    const outcomes = (outcome: string): number => metrics.of(`intake_events_total{outcome=${outcome},channel=kafka}`);
    await eventually(() => outcomes('charged') > 0);

    const found = (await recorded(world.store, SHARD)).flatMap(({ event }) =>
      event.type === 'UsageQuarantined' ? [[event.data.usage.id, event.data.code]] : [],
    );
    expect(found).toEqual(kept.map(({ expect: { code } }, place) => [`vector-${String(place)}`, code]));
    expect([outcomes('quarantined'), outcomes('rejected'), outcomes('charged')]).toEqual([kept.length, 0, 1]);
    // Letters are sent before a batch counts as consumed, and another batch begins after that.
    await world.stream.send(USAGE_TOPIC, SHARD, [recordOf(eventOf('next'))]);
    await eventually(() => outcomes('charged') > 1);
    expect(await world.recordsOf(DEAD_LETTER_TOPIC)).toEqual([]);
    expect(metrics.keysOf('dead_letters_total')).toEqual([]);
  } finally {
    await world.close();
  }
});
