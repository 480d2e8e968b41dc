import { later, START } from '@drawdown/domain/testing';
import { CHAIN_START, chainHash, type JsonObject } from '@drawdown/kernel';
import type { EventStore, StoredEvent } from '@drawdown/ports';
import { manualClock } from '@drawdown/ports/testing';
import { LogDamaged } from './load-shard';
import { delegating, grant, hold, type LedgerWorld, openLedger, used, withOrganization } from './testing';

let world: LedgerWorld;
let log: readonly StoredEvent[];

beforeAll(async () => {
  world = await openLedger();
  await withOrganization(world, { credits: '10' });
  await Promise.all([
    world.run(grant('5'), { key: 'k' }),
    world.charge(used('a'), used('b')),
    world.run(hold('99'), { key: 'x' }),
  ]);
  await world.charge(used('a', '2'), used('c', '1', { serviceType: 'unknown' }));
  log = await world.store.read('ledger-0', 0, 1_000);
});

const loaded = async (changed: readonly StoredEvent[]): Promise<LedgerWorld> => {
  const store: EventStore = {
    ...delegating(world.store),
    read: async (_, from, limit) => changed.filter(({ revision }) => revision >= from).slice(0, limit),
  };
  return openLedger({ store, clock: world.clock });
};

const replaced = (event: StoredEvent): StoredEvent[] =>
  log.map((stored) => (stored.revision === event.revision ? event : stored));

/** Fails unless loading refuses the log at this revision. */
const mustBeRefused = async (changed: readonly StoredEvent[], revision: number): Promise<void> => {
  const failure = await loaded(changed).then(
    () => 'it was loaded',
    (error: unknown) => error,
  );
  if (failure instanceof LogDamaged && failure.message.includes(`revision ${String(revision)} `)) return;
  throw new Error(`revision ${String(revision)}: ${String(failure)}`);
};

describe('INV-AUD-1: a log that is not as it was written is refused, and the first event that differs is named', () => {
  test('as it was written, it loads', async () => {
    expect((await loaded(log)).ledger.shards[0]?.revision).toBe(log.length - 1);
  });

  test('any byte of the data of any event', async () => {
    for (const event of log) {
      for (let at = 0; at < event.data.length; at += 11) {
        const data = new Uint8Array(event.data);
        data[at] = (data[at] ?? 0) ^ 1;
        await mustBeRefused(replaced({ ...event, data }), event.revision);
      }
      await mustBeRefused(replaced({ ...event, data: event.data.subarray(1) }), event.revision);
      await mustBeRefused(replaced({ ...event, data: Buffer.concat([event.data, Buffer.from(' ')]) }), event.revision);
    }
  });

  test('any byte of the metadata, or of the type', async () => {
    for (const event of log) {
      const text = JSON.stringify(event.metadata);
      for (let at = 0; at < text.length; at++) {
        const changed = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
        let metadata: JsonObject;
        try {
          metadata = JSON.parse(changed) as JsonObject;
        } catch {
          continue; // the store would not give it as metadata at all
        }
        if (JSON.stringify(metadata) === text) continue;
        await mustBeRefused(replaced({ ...event, metadata }), event.revision);
      }
      await mustBeRefused(replaced({ ...event, type: 'CommandAnswered ' }), event.revision);
    }
  });

  test('anything added to the metadata or taken from it', async () => {
    for (const event of log) {
      await mustBeRefused(replaced({ ...event, metadata: { ...event.metadata, more: 1 } }), event.revision);
      for (const key of Object.keys(event.metadata)) {
        const metadata = Object.fromEntries(Object.entries(event.metadata).filter(([name]) => name !== key));
        await mustBeRefused(replaced({ ...event, metadata }), event.revision);
      }
    }
  });

  test('two events swapped: with their numbers, or each with the number of its place', async () => {
    for (let at = 0; at + 1 < log.length; at++) {
      const [first, second] = [log[at], log[at + 1]];
      if (first === undefined || second === undefined) throw new Error('no such events');
      const swapped = log.map((stored) => (stored === first ? second : stored === second ? first : stored));
      const renumbered = swapped.map((stored, revision) => ({ ...stored, revision }));
      await mustBeRefused(renumbered, at);
    }
  });

  test('one removed: with a hole, or closed up', async () => {
    for (let at = 0; at + 1 < log.length; at++) {
      const without = log.filter(({ revision }) => revision !== at);
      await mustBeRefused(without, at + 1);
      await mustBeRefused(
        without.map((stored, revision) => ({ ...stored, revision })),
        at,
      );
    }
  });

  test('one event of another log, right in itself', async () => {
    const other = await openLedger({ clock: manualClock(later(START, { days: 1 })) });
    await withOrganization(other, { credits: '10' });
    const foreign = (await other.store.read('ledger-0', 2, 1))[0];
    if (foreign === undefined) throw new Error('no such event');
    await mustBeRefused(replaced(foreign), 2);
  });
});

test('an event that is right but unreadable here is no damage: it is named, and nothing is decided on it (FLT-12)', async () => {
  const data = Buffer.from('{}');
  const metadata = {
    version: 1,
    booked_at: '2026-03-01T00:00:00.000000Z',
    actor: { type: 'system', id: 's', role: null },
  };
  const hash = chainHash(CHAIN_START, { stream: 'ledger-0', revision: 0, type: 'OfTheFuture', data, metadata });
  const stored = { id: '', stream: 'ledger-0', revision: 0, position: 0, type: 'OfTheFuture', data };
  const future = loaded([{ ...stored, metadata: { ...metadata, hash: hash.toString('hex') } }]);
  await expect(future).rejects.toThrow(
    'ledger-0 revision 0: event type OfTheFuture is not known here; a newer release wrote it',
  );
});
