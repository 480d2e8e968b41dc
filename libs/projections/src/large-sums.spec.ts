import { openTestDatabase } from '@drawdown/adapters/testing';
import {
  at,
  authorizeHold,
  captureHold,
  extendHold,
  granted,
  instant,
  later,
  refundCharge,
  START,
  TestLedger,
  used,
  voidGrant,
} from '@drawdown/domain/testing';
import type { ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { draftsOf, emptyDatabase, projected, stopAll, TestLog } from './testing';

let database: ReadDatabase;
const most = '900000000000000000';
const half = '500000000000000000';

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await stopAll();
  await database.close();
});

test('INV-AMT-3: what adds up to more than an amount may be is shown all the same: no amount of it was out of range', async () => {
  const ledger = new TestLedger({ id: 'org_0' });
  const by = { organizationId: 'org_0' };
  for (const step of [
    ...[granted('a', most), voidGrant('a'), granted('b', most)],
    ...[used(half, { ...by, id: 'u' }), refundCharge('u'), used(half, { ...by, id: 'v' }), refundCharge('v')],
    ...[at(START), used(half, { ...by, id: 'w' })],
  ]) {
    step(ledger);
  }
  const store = inMemoryEventStore();
  await new TestLog(store).write(draftsOf(ledger));
  const { models, level } = await projected(store, database);
  await level();
  const reading = { organizationId: 'org_0', now: instant('2026-03-02') };
  const spent = '1500000000000000000';
  expect((await models.wallet(reading, 'credits'))?.value).toMatchObject({
    lifetime_added: '1800000000000000000',
    lifetime_spent: spent,
  });
  expect((await models.breakdown(reading, { by: 'workspace' })).value).toMatchObject({ total: spent });
  expect((await models.spending(reading, { bucket: 'day' })).value.data).toContainEqual({
    start: START,
    credits: spent,
  });
  expect((await models.burnRate(reading, { wallet: 'credits' }))?.value.credits_per_day).toBe(spent);
  expect((await models.burndown(reading, { wallet: 'credits' }))?.value.data.length).toBeGreaterThan(1);
});

test('a hold that was extended past the range of an amount is shown, and so is its organization', async () => {
  const ledger = new TestLedger({ id: 'org_1' });
  for (const step of [
    ...[granted('a', half), authorizeHold('h', half), captureHold('h', half, { final: false })],
    ...[granted('b', half), extendHold('h', later(START, { minutes: 30 }), half)],
  ]) {
    step(ledger);
  }
  const [hold] = ledger.organization.holds.values();
  const store = inMemoryEventStore();
  await new TestLog(store).write(draftsOf(ledger));
  await emptyDatabase(database);
  const { models, level } = await projected(store, database);
  await level();
  const reading = { organizationId: 'org_1', now: later(START, { minutes: 1 }) };
  const shown = await models.hold(reading, hold?.id ?? '');
  expect(shown?.value).toMatchObject({ amount: '1000000000000000000', captured: half });
  expect((await models.organizationFigures(reading))?.value.wallets).toHaveLength(1);
});
