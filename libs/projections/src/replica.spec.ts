import { setTimeout as pause } from 'node:timers/promises';
import { openTestDatabase } from '@drawdown/adapters/testing';
import { granted, later, START, TestLedger } from '@drawdown/domain/testing';
import { positionOf } from '@drawdown/kernel';
import { DatabaseUnavailable, type EventStore, NO_METRICS, type ReadDatabase, type Sql } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ReadModelBehind } from './read-models';
import { readModels } from './read-models-of';
import { emptyDatabase, projected, stopAll, TestLog } from './testing';

let primary: ReadDatabase;
let replica: ReadDatabase;
beforeAll(async () => {
  [primary, replica] = await Promise.all([openTestDatabase(), openTestDatabase()]);
});
afterAll(async () => {
  await stopAll();
  await Promise.all([primary.close(), replica.close()]);
});

const grants = async (store: EventStore, count: number): Promise<void> => {
  const ledger = new TestLedger({ id: 'org_0' });
  for (let n = 0; n < count; n++) granted(`lot-${String(n)}`, '10')(ledger);
  const drafts = ledger.log.map((fact) => {
    if (fact.kind === 'charge') throw new Error('there are no charges here');
    return { event: fact.event, organizationId: 'org_0', at: fact.at };
  });
  await new TestLog(store).write(drafts);
};

test('FLT-45: a read after a position waits for a replica that lags, or says so, and never shows less', async () => {
  const [whole, lagging] = [inMemoryEventStore(), inMemoryEventStore()];
  await grants(whole, 3);
  const all = await whole.read('ledger-0', 0, 100);
  const head = all.length - 1;
  await lagging.append('ledger-0', 0, all.slice(0, head - 1));
  const written = await projected(whole, primary);
  const copied = await projected(lagging, replica);
  await Promise.all([written.level(), copied.level()]);

  // Written to one, read from the other: what the projectors have committed is not there yet.
  const { runner } = written;
  let answers = 0;
  const database: Sql = {
    query: (statement, parameters) => replica.query<never>(statement, parameters).finally(() => (answers += 1)),
  };
  const models = readModels({
    ...{ database, progress: runner, store: whole, shardOf: () => 0 },
    catalogueReached: async () => undefined,
    metrics: { ...NO_METRICS, count: (name, labels) => waits.push(`${name} ${labels?.['outcome'] ?? ''}`) },
  });
  const reading = { organizationId: 'org_0', now: later(START, { days: 1 }) };
  const waits: string[] = [];
  const settled = async (after: number | null): Promise<unknown> => {
    const answer = await models.wallet(
      { ...reading, after: after === null ? null : positionOf('0', after) },
      'credits',
    );
    return (answer?.value['balance'] as { readonly settled: string } | undefined)?.settled;
  };
  expect(await settled(null)).toBe('10');
  expect(await settled(head - 2)).toBe('10');
  expect(waits).toEqual([]);
  const late = expect(settled(head)).rejects.toBeInstanceOf(ReadModelBehind);
  const waiting = settled(head - 1);
  for (const before = answers; answers < before + 2;) await pause(5); // both have seen that it is not there
  await lagging.append('ledger-0', head - 1, all.slice(head - 1, head));
  expect(await waiting).toBe('20');
  expect(waits).toEqual(['read_waits_total caught_up']);
  await late;
  expect(waits).toEqual(['read_waits_total caught_up', 'read_waits_total behind']);
});

test('FLT-41: what waits for a database that is away is told so, not that it is behind', async () => {
  const store = inMemoryEventStore();
  let away = false;
  const refuse = <T>(answer: () => Promise<T>): Promise<T> =>
    away ? Promise.reject(new DatabaseUnavailable('it is away')) : answer();
  const database: ReadDatabase = {
    query: (statement, parameters) => refuse(() => primary.query(statement, parameters)),
    transaction: (work) => refuse(() => primary.transaction(work)),
    run: (script) => primary.run(script),
    close: () => primary.close(),
  };
  await emptyDatabase(primary);
  const { models, level } = await projected(store, database);
  await level();
  const wallet = (after: number) =>
    models.wallet(
      { organizationId: 'org_0', now: later(START, { days: 1 }), after: positionOf('0', after) },
      'credits',
    );
  away = true;
  await expect(wallet(0)).rejects.toBeInstanceOf(DatabaseUnavailable);
  away = false;
});
