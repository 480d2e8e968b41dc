import { credits, LARGEST, quantity } from '@drawdown/kernel';
import fc from 'fast-check';
import { acceptedTimes, decideUsage } from '../metering/charge';
import { card, given, granted, START, usage } from '../testing';
import { chargeLists } from '../testing/charges';
import { type Charge, ChargeColumns, readLedgerEvent, writeLedgerEvent } from '.';

const columnsOf = (charges: readonly Charge[]): ChargeColumns => {
  const columns = new ChargeColumns();
  for (const charge of charges) columns.add(charge);
  return columns;
};
const textOf = (columns: ChargeColumns): string => JSON.stringify({ charges: columns.wire() });
const roundTrip = (charges: readonly Charge[]): readonly Charge[] => {
  const { version, stored } = writeLedgerEvent({ type: 'UsageCharged', data: { charges } });
  const event = readLedgerEvent('UsageCharged', version, JSON.parse(JSON.stringify(stored)));
  if (event.type !== 'UsageCharged') throw new Error('another event');
  return event.data.charges;
};

const aCharge = (): Charge => {
  const { organization, now } = given(granted('lot', '10')).ledger;
  const decision = decideUsage(organization, usage('3'), card(), 'key', now, acceptedTimes(now));
  if (decision.kind !== 'charge') throw new Error('not charged');
  return decision.charge;
};

describe('charges as columns', () => {
  test('are read back as they were, whatever their wallets, policies, lots and sparse parts', () => {
    fc.assert(
      fc.property(chargeLists, (charges) => {
        expect(roundTrip(charges)).toEqual(charges);
      }),
      { numRuns: 250 },
    );
  });

  test('INV-LED-8: are the same however they are cut into events', () => {
    fc.assert(
      fc.property(chargeLists, fc.nat({ max: 12 }), (charges, at) => {
        expect([...roundTrip(charges.slice(0, at)), ...roundTrip(charges.slice(at))]).toEqual(charges);
      }),
      { numRuns: 60 },
    );
  });

  test('INV-LED-15: the estimate of their bytes is never below what is stored, and not far above', () => {
    fc.assert(
      fc.property(chargeLists, (charges) => {
        const columns = new ChargeColumns();
        for (const [index, charge] of charges.entries()) {
          columns.add(charge);
          expect(columns.count).toBe(index + 1);
          expect(Buffer.byteLength(textOf(columns))).toBeLessThanOrEqual(columns.bytes);
        }
        expect(columns.bytes).toBeLessThan(3 * Buffer.byteLength(textOf(columns)) + 400);
      }),
      { numRuns: 200 },
    );
  });

  test('INV-LED-15: the estimate holds for thousands of charges with the longest of everything', () => {
    const base = aCharge();
    const columns = new ChargeColumns();
    const huge = credits(LARGEST - 1n);
    const charges = Array.from({ length: 3000 }, (_, n): Charge => {
      const tail = String(n).padStart(6, '0');
      return {
        ...base,
        usage: {
          ...base.usage,
          id: 'i'.repeat(122) + tail,
          source: `${'s'.repeat(250)}${tail}`,
          model: '模'.repeat(194) + tail,
          workspaceId: `w${tail}`,
          taskId: 't'.repeat(128),
          parentTransactionId: 'p'.repeat(128),
          unit: '"'.repeat(60),
          quantities: Array.from({ length: 3 }, (__, q) => [`q${String(q)}_${tail}`, quantity(LARGEST - 1n)] as const),
          providerCost: { amount: quantity(LARGEST - 1n), currency: 'USD' },
          dimensions: { d: '\\"维'.repeat(66) },
          latencyMs: Number.MAX_SAFE_INTEGER,
          enforce: true,
        },
        slices: Array.from({ length: 3 }, (__, s) => ({ lotId: `lot_${tail}_${String(s)}`, amount: huge })),
        ...{
          price: huge,
          debt: huge,
          uncovered: huge,
          exact: `${String(LARGEST)}/${String(LARGEST)}`,
          redriven: Number.MAX_SAFE_INTEGER,
        },
        ...{
          policyVersion: Number.MAX_SAFE_INTEGER - n,
          sequence: Number.MAX_SAFE_INTEGER,
          balanceBefore: credits(-huge),
        },
        balanceAfter: credits(-huge),
      };
    });
    for (const charge of charges) columns.add(charge);
    expect(Buffer.byteLength(textOf(columns))).toBeLessThanOrEqual(columns.bytes);
  });

  test('begin anew where a wallet’s numbers or balances do not follow on', () => {
    const first = aCharge();
    const gap: Charge = { ...first, sequence: 9, balanceBefore: credits(5n), balanceAfter: credits(5n - first.price) };
    const same: Charge = {
      ...first,
      sequence: 10,
      balanceBefore: credits(99n),
      balanceAfter: credits(99n - first.price),
    };
    expect(roundTrip([first, gap, same])).toEqual([first, gap, same]);
  });

  test('say what repeats once', () => {
    const first = aCharge();
    const many = Array.from({ length: 100 }, (_, n): Charge => ({
      ...first,
      usage: { ...first.usage, id: `u${String(n)}`, time: START },
      sequence: first.sequence + n,
      balanceBefore: credits(first.balanceBefore - BigInt(n) * first.price),
      balanceAfter: credits(first.balanceAfter - BigInt(n) * first.price),
    }));
    const wire = columnsOf(many).wire();
    const { wallets } = wire;
    expect([wallets.organization, wire.rates, wire.lots, wire.shapes].map(({ length }) => length)).toEqual([
      1, 1, 1, 1,
    ]);
    expect(wallets).toMatchObject({ balance_before: ['10'], balance_after: ['-290'], first_sequence: [2] });
    expect(Buffer.byteLength(textOf(columnsOf(many))) / many.length).toBeLessThan(110);
  });
});
