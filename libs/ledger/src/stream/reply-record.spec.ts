import { preset, START } from '@drawdown/domain/testing';
import { positionOf } from '@drawdown/kernel';
import { grant, hold, openLedger, used, withOrganization } from '../testing';
import { readReplyRecord, type Reply, writeReplyRecord } from './reply-record';

const to = { partition: 3, instance: 'api-1', call: 'call-1', place: 2, deadline: START };
const received = (reply: Reply): Reply | undefined => {
  const read = readReplyRecord(writeReplyRecord(to, reply));
  expect(read?.to).toEqual(to);
  return read?.reply;
};

test('results of commands come over exactly: accepted, replayed, refused, key reused', async () => {
  const world = await openLedger();
  await withOrganization(world);
  const results = [
    await world.run(grant('899999.999999999'), { key: 'k' }),
    await world.run(grant('899999.999999999'), { key: 'k' }),
    await world.run(grant('1'), { key: 'k', hash: 'other' }),
    await world.run(hold('99999999')),
    await world.run({ type: 'CreateOrganization', name: 'x', preset: preset(), plan: null, testClock: null }),
    await world.run({ type: 'ReleaseHold', holdId: 'nobody' }),
  ];
  expect(results.map(({ accepted }) => accepted)).toEqual([true, true, false, false, false, false]);
  for (const result of results) expect(received({ kind: 'run', result })).toEqual({ kind: 'run', result });
});

test('outcomes of usage come over exactly: charged, duplicate, conflict, quarantined, refused', async () => {
  const world = await openLedger();
  await withOrganization(world);
  const { outcomes, position } = await world.charge(
    ...[used('1', '0.000000001'), used('1', '0.000000001'), used('1', '2'), used('2', '1', { serviceType: 'unheard' })],
    ...[used('3', '1', { organizationId: 'nobody' }), used('4', '9999', { enforce: true })],
  );
  const kinds = ['charged', 'duplicate', 'conflict', 'quarantined', 'refused', 'refused'];
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(kinds);
  // A reply has the outcomes of some places, in any order.
  const placed = <T>(all: readonly T[]) => new Map(all.map((one, i): [number, T] => [((i * 5) % 7) + 3, one]));
  const reply = received({ kind: 'usage', outcomes: placed(outcomes), position });
  if (reply?.kind !== 'usage') throw new Error('another kind came back');
  expect(reply.position).toEqual(position);
  const fields = (outcome: (typeof outcomes)[number]) => ('debited' in outcome ? { ...charged(outcome) } : outcome);
  const charged = ({ outcome, transactionId, wallet, debited, uncovered, balanceAfter }: Charged) => ({
    ...{ outcome, transactionId, wallet, debited, uncovered, balanceAfter },
  });
  type Charged = Extract<(typeof outcomes)[number], { debited: bigint }>;
  expect(reply.outcomes).toEqual(placed(outcomes.map(fields)));
});

test('amounts come over to the last digit, below nothing and past what a number can hold', () => {
  const amounts = { debited: 10n ** 18n + 1n, uncovered: 0n, balanceAfter: -(10n ** 18n) - 1n };
  const outcome = { outcome: 'charged', transactionId: 'txn_1', wallet: 'credits', ...amounts } as const;
  const reply: Reply = { kind: 'usage', outcomes: new Map([[7, outcome]]), position: positionOf(3, 9) };
  expect(received(reply)).toEqual(reply);
});

test.each<Reply>([
  { kind: 'settled' },
  { kind: 'last_priced', at: START },
  { kind: 'last_priced', at: null },
  { kind: 'unavailable', detail: 'later' },
  { kind: 'usage', outcomes: new Map(), position: positionOf(3, 9) },
])('$kind', (reply) => expect(received(reply)).toEqual(reply));

test('what is no reply is recognised as such', () => {
  const good = writeReplyRecord(to, { kind: 'settled' });
  for (const record of [
    { ...good, value: null },
    { ...good, value: Buffer.from('{') },
    { ...good, value: Buffer.from('[') },
    { ...good, value: Buffer.from('[[]]') },
    ...['"1.5"', '""', '"0x10"', '1'].map((amount) => ({
      ...good,
      value: Buffer.from(`[[[0,"charged","txn","credits",${amount},"0","0"]],[],[]]`),
    })),
    { ...good, headers: {} },
  ]) {
    expect(readReplyRecord(record)).toBeNull();
  }
});
