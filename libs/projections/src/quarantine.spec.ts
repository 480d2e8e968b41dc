import { openTestDatabase } from '@drawdown/adapters/testing';
import type { QuarantineCode, UsageEvent } from '@drawdown/domain/events';
import { amount, granted, later, START, TestLedger, usage } from '@drawdown/domain/testing';
import type { EventStore, ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { quarantine } from './quarantine';
import type { QuarantineEntry, QuarantineFilter } from './read-models';
import { stopAll, type Draft, emptyDatabase, type Projected, projected, TestLog } from './testing';

let database: ReadDatabase;
let store: EventStore;
let log: TestLog;
let read: Projected;

const shardOf = (organizationId: string): number => (organizationId === 'org_b' ? 1 : 0);

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await stopAll();
  await database.close();
});
beforeEach(async () => {
  await emptyDatabase(database);
  store = inMemoryEventStore();
  log = new TestLog(store, shardOf);
  read = await projected(store, database, { shards: 2, shardOf, projectors: [quarantine] });
});
afterEach(() => read.runner.stop());

const ledgers = new Map<string, TestLedger>();
beforeEach(() => ledgers.clear());

/** The organization's beginnings, and after them what else was booked. */
const begun = (organizationId: string): Draft[] => {
  const ledger = new TestLedger({ id: organizationId });
  granted('lot', '100')(ledger);
  ledgers.set(organizationId, ledger);
  return ledger.log.map((fact) =>
    fact.kind === 'event' ? { event: fact.event, organizationId, at: fact.at } : { charge: fact.charge, at: fact.at },
  );
};

const odd = (organizationId: string, id: string): UsageEvent => usage('2', { organizationId, id, source: 's' });

const quarantined = (event: UsageEvent, code: QuarantineCode, minutes: number): Draft => ({
  event: { type: 'UsageQuarantined', data: { usage: event, code, detail: `because of ${code}` } },
  organizationId: event.organizationId,
  at: later(START, { minutes }),
});

const charged = (event: UsageEvent): Draft => {
  const ledger = ledgers.get(event.organizationId);
  const decision = ledger?.charge(event);
  if (decision?.kind !== 'charge') throw new Error('it was not charged');
  return { charge: decision.charge, at: later(START, { hours: 1 }) };
};

const entries = async (filter: QuarantineFilter = {}): Promise<readonly QuarantineEntry[]> => {
  await read.level();
  return (await read.models.quarantine({ ...filter, now: START, limit: 500 })).value.data;
};

const ids = (some: readonly { readonly id: string }[]): string[] => some.map(({ id }) => id);

test('keeps usage whole until its identity is charged or refused (INV-INT-5, -7)', async () => {
  const [one, two, three] = [odd('org_a', 'one'), odd('org_a', 'two'), odd('org_b', 'three')];
  await log.write([
    ...begun('org_a'),
    ...begun('org_b'),
    quarantined(one, 'no_rate', 1),
    quarantined(three, 'no_rate_card', 2),
    quarantined(two, 'no_rate', 3),
    quarantined(one, 'unit_mismatch', 4),
  ]);
  const all = await entries();
  expect(ids(all)).toEqual(['one', 'three', 'two']);
  expect(all[0]).toEqual({
    organization_id: 'org_a',
    source: 's',
    id: 'one',
    code: 'unit_mismatch',
    detail: 'because of unit_mismatch',
    event_time: START,
    quarantined_at: later(START, { minutes: 1 }),
    state: 'open',
    usage: expect.objectContaining({ service_type: 'llm_call', quantities: [['units', '2']] }) as object,
  });
  expect(ids(await entries({ code: 'no_rate' }))).toEqual(['two']);
  expect(ids(await entries({ organizationId: 'org_b' }))).toEqual(['three']);
  expect(await read.models.quarantinedUsage({ organizationId: 'org_a' })).toEqual({
    usages: [one, two],
    next_cursor: null,
  });

  const refusal = { wallet: 'credits', code: 'out_of_credits', price: amount('2'), available: amount('0') };
  const data = { usage: two, ...refusal, rateCard: 'card', rateCardVersion: 1, policyVersion: 1 };
  await log.write([
    charged(odd('org_a', 'another')),
    charged({ ...one, source: 'other source' }),
    charged(one),
    { event: { type: 'UsageRefused', data }, organizationId: 'org_a', at: START },
  ]);
  const states = (await entries()).map(({ id, state }) => [id, state]);
  expect(states).toEqual([['one', 'charged'], ['three', 'open'], ['two', 'refused']]); // prettier-ignore
  expect(ids(await entries({ state: 'open' }))).toEqual(['three']);
  expect((await read.models.quarantinedUsage({})).usages).toEqual([three]);
});

test('is walked in the order in which usage entered it, across shards, and says how far each has come', async () => {
  const some = Array.from({ length: 25 }, (_, n) => odd(n % 3 === 0 ? 'org_b' : 'org_a', `u${String(n)}`));
  await log.write([...begun('org_a'), ...begun('org_b'), ...some.map((one, n) => quarantined(one, 'no_rate', n))]);
  await read.level();
  const walked: string[] = [];
  let cursor: string | null = null;
  do {
    const after = new Map([['0', await store.head('ledger-0')], ['1', await store.head('ledger-1')], ['c', 9]]); // prettier-ignore
    const page = await read.models.quarantine({ now: START, limit: 4, cursor, after });
    expect([...page.asOf.position]).toEqual([...after]);
    walked.push(...ids(page.value.data));
    cursor = page.value.next_cursor;
  } while (cursor !== null);
  expect(walked).toEqual(ids(some));
});
