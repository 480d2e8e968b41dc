import { START } from '@drawdown/domain/testing';
import { inProcessStream, NO_LOG, type StreamRecord } from '@drawdown/ports';
import type { ReplyAddress } from '../stream/headers';
import { REPLIES_TOPIC, USAGE_TOPIC } from '../stream/topics';
import { writeUsageRecord } from '../stream/usage-record';
import { recorded, used } from '../testing';
import { type DistributedWorld, eventually, furnish, openDistributed } from '../testing/distributed';
import { CountedMetrics } from '../testing/recording';
import { Outbox } from './outbox';

const ACME = 'acme';
const SHARD = 1;
const LONG = 'x'.repeat(850_000);

/** What somebody sends who may write to the usage topic and to nothing else. */
const hostile = (id: string, headers: StreamRecord['headers']): StreamRecord => {
  const record = writeUsageRecord(used(id, '1', { organizationId: ACME }));
  return { ...record, headers: { ...record.headers, ...headers } };
};

const withWorld = async (act: (world: DistributedWorld) => Promise<void>): Promise<void> => {
  const world = openDistributed();
  try {
    await act(world);
  } finally {
    await world.close();
  }
};

test.each([
  ['an id of any length', { id: LONG }],
  ['an id that is none', { id: 'a\nb' }],
  ['a request of any length', { request_id: LONG }],
  ['a role of any length', { role: LONG }],
])('a sender with %s is nobody: it is not written into the ledger', (_, forged) =>
  withWorld(async (world) => {
    await world.worker();
    await furnish(await world.api());
    const sender = { type: 'key', id: 'a', role: null, request_id: 'r', ...forged };
    await world.stream.send(USAGE_TOPIC, SHARD, [hostile('u', { 'drawdown-sender': JSON.stringify(sender) })]);
    const charges = async () =>
      (await recorded(world.store, SHARD)).flatMap(({ event }) =>
        event.type === 'UsageCharged' ? event.data.charges : [],
      );
    await eventually(async () => (await charges()).length > 0);
    expect((await charges())[0]?.actor).toBe('kafka');
  }),
);

test('answers to partitions that there are not cost one question, and are sent to nobody', async () => {
  const stream = inProcessStream();
  await stream.ensureTopic(REPLIES_TOPIC, 8);
  const [sent, asked] = [jest.spyOn(stream, 'send'), jest.spyOn(stream, 'partitionsOf')];
  const outbox = new Outbox({ stream, metrics: new CountedMetrics(), log: NO_LOG });
  const to = (partition: number): ReplyAddress => ({
    ...{ partition, instance: 'api-1', call: 'call', place: 0, deadline: START },
  });
  const addresses = [...Array.from({ length: 50 }, (_, i) => to(1_000 + i)), to(7)];
  await outbox.reply(addresses.map((address) => [address, { kind: 'settled' }]));
  expect(sent.mock.calls.map(([topic, partition]) => [topic, partition])).toEqual([[REPLIES_TOPIC, 7]]);
  expect(asked).toHaveBeenCalledTimes(1);
  await outbox.reply([[to(7), { kind: 'settled' }]]);
  expect(asked).toHaveBeenCalledTimes(1);
  await stream.close();
});
