import { type Credits, format, formatDecimal, UnreadableEvent } from '@drawdown/kernel';
import fc from 'fast-check';
import { chargeLists } from '../testing/charges';
import {
  type Charge,
  type Charged,
  countOf,
  organizationsOf,
  readLedgerEvent,
  walkConsumption,
  walkDraws,
  walkTransactions,
  writeLedgerEvent,
} from '.';

const wireOf = (charges: readonly Charge[]): unknown =>
  JSON.parse(JSON.stringify(writeLedgerEvent({ type: 'UsageCharged', data: { charges } }).stored));

const read = (wire: unknown): Charged => {
  const event = readLedgerEvent('UsageCharged', 1, wire);
  if (event.type !== 'UsageCharged') throw new Error('another event');
  return event.data;
};

/** What the visitors of a walk over draws are told, each charge with the wallet and lots that it was told of. */
const drawsIn = (charged: Charged): unknown[] => {
  const seen: { slices: unknown[] }[] = [];
  walkDraws(charged, {
    wallet: (organizationId, wallet) => ({ organizationId, wallet }),
    lot: (of, lotId) => ({ of, lotId }),
    charged: (of, sequence, debited, debt) => {
      seen.push({ ...of, sequence, debited, debt, slices: [] } as never);
    },
    drawn: ({ of, lotId }, amount: Credits) => {
      seen.at(-1)?.slices.push({ ...of, lotId, amount });
    },
  });
  return seen;
};

const consumptionIn = (charged: Charged): unknown[] => {
  const seen: unknown[] = [];
  walkConsumption(charged, {
    wallet: (organizationId, wallet) => ({ organizationId, wallet }),
    consumed: (of, time, credits, by) => {
      seen.push({ ...of, time, credits, ...by });
    },
  });
  return seen;
};

const drawsOf = ({ usage, wallet, sequence, price, uncovered, debt, slices }: Charge): unknown => {
  const of = { organizationId: usage.organizationId, wallet };
  return { ...of, sequence, debited: price - uncovered, debt, slices: slices.map((slice) => ({ ...of, ...slice })) };
};

const consumptionOf = ({ usage, wallet, price, uncovered }: Charge): unknown => {
  const { organizationId, time, workspaceId, serviceType, userId, model, resourceType, resourceId } = usage;
  const by = { workspaceId, serviceType, userId, model, resourceType, resourceId };
  return { organizationId, wallet, time, credits: price - uncovered, ...by };
};

/** What is counted in the specs: the quantities whose names have a vowel first. */
const isCounted = (name: string): boolean => /^[aeiou]/.test(name);

const transactionsIn = (charged: Charged): unknown[] => {
  const seen: unknown[] = [];
  walkTransactions(charged, {
    wallet: (organizationId, wallet) => `${organizationId} ${wallet}`,
    rate: (rate) => rate,
    shape: (names, unit) => ({ names, unit, places: [...names.keys()].filter((n) => isCounted(names[n] ?? '')) }),
    charged: ({ slices, shape: { names, unit }, ...charge }) => {
      seen.push({ ...charge, names, unit, slices: structuredClone(slices) });
    },
  });
  return seen;
};

const transactionOf = ({ usage, ...charge }: Charge): unknown => {
  const { organizationId, source, id, time, unit, parentTransactionId, taskId, latencyMs } = usage;
  const { workspaceId, serviceType, userId, model, resourceType, resourceId } = usage;
  const { wallet, policyVersion, sequence, actor, rate, price, uncovered } = charge;
  const summed = usage.quantities.filter(([name]) => isCounted(name)).map(([, amount]): bigint => amount);
  return {
    ...{
      of: `${organizationId} ${wallet}`,
      organizationId,
      wallet,
      policyVersion,
      sequence,
      source,
      id,
      time,
      actor,
      rate,
    },
    ...{ names: usage.quantities.map(([name]) => name), unit, parentTransactionId, taskId, latencyMs },
    ...{ workspaceId, serviceType, userId, model, resourceType, resourceId },
    quantity: summed.length === 0 ? null : formatDecimal(summed.reduce((sum, amount) => sum + amount)),
    debited: formatDecimal(price - uncovered),
    balanceBefore: format(charge.balanceBefore),
    balanceAfter: format(charge.balanceAfter),
    debt: format(charge.debt),
    uncovered: format(uncovered),
    slices: charge.slices.map(({ lotId, amount }) => ({ lotId, amount: format(amount) })),
  };
};

describe('charges that are walked over', () => {
  test('say what they say as objects, as they were decided and as they are stored', () => {
    fc.assert(
      fc.property(chargeLists, (charges) => {
        for (const charged of [{ charges }, read(wireOf(charges))]) {
          expect(drawsIn(charged)).toEqual(charges.map(drawsOf));
          expect(consumptionIn(charged)).toEqual(charges.map(consumptionOf));
          expect(transactionsIn(charged)).toEqual(charges.map(transactionOf));
          expect(countOf(charged)).toBe(charges.length);
          expect(new Set(organizationsOf(charged))).toEqual(
            new Set(charges.map(({ usage: { organizationId } }) => organizationId)),
          );
        }
      }),
      { numRuns: 250 },
    );
  });

  test('INV-AMT-2: show amounts in the one spelling of their value, however they are stored', () => {
    /** Decimals filled up with zeros: an amount all the same. */
    const padded = (text: string): string =>
      text.includes('.') ? text.padEnd(text.indexOf('.') + 10, '0') : `${text}.0`;
    fc.assert(
      fc.property(chargeLists, (charges) => {
        const wire = wireOf(charges) as { charges: Record<string, unknown> & { wallets: Record<string, unknown> } };
        const { price, quantities, debt, uncovered, splits, wallets } = wire.charges;
        const pad = (texts: unknown): unknown => JSON.parse(JSON.stringify(texts), (_, value: unknown) => typeof value === 'string' ? padded(value) : value); // prettier-ignore
        Object.assign(wire.charges, pad({ price, quantities, debt, uncovered, splits }));
        wallets['balance_before'] = pad(wallets['balance_before']);
        expect(transactionsIn(read(wire))).toEqual(charges.map(transactionOf));
      }),
      { numRuns: 100 },
    );
  });

  test('are made into objects once, and are compared and copied as if they always had been', () => {
    fc.assert(
      fc.property(chargeLists, (charges) => {
        const charged = read(wireOf(charges));
        expect(structuredClone(read(wireOf(charges)))).toEqual({ charges });
        expect({ ...read(wireOf(charges)) }).toEqual({ charges });
        expect(charged).toEqual({ charges });
        expect(charged.charges).toBe(charged.charges);
      }),
      { numRuns: 50 },
    );
  });
});

describe('BAD-122: columns that are damaged', () => {
  type Columns = Record<string, unknown[] | Record<string, unknown[]>>;

  /** All lists of a stored event, those inside of its wallets, splits and costs, too. */
  const listsOf = (value: unknown): unknown[][] => {
    if (value === null || typeof value !== 'object') return [];
    const inner = Object.values(value).flatMap(listsOf);
    return Array.isArray(value) && value.length > 0 ? [value, ...inner] : inner;
  };

  const odd = fc.constantFrom<unknown>(
    ...[-2, -1, 0, 1, 5, 99, Number.MAX_SAFE_INTEGER, '', 'x', '-0', '1', '-1', '0.5', '1e3', '0.0000000001'],
    ...['900000000000000000.000000001', '-900000000000000001', '000000000000000001', null, []],
  );
  const damages = fc.record({
    list: fc.nat(),
    at: fc.nat(),
    value: odd,
    kind: fc.constantFrom('replace', 'replace', 'remove', 'add'),
  });

  test('are unreadable, or every charge of them can be read: who walks stops where others do', () => {
    const outcomes = { read: 0, unreadable: 0 };
    fc.assert(
      fc.property(chargeLists, damages, (charges, { list, at, value, kind }) => {
        const wire = wireOf(charges) as { charges: Columns };
        const lists = listsOf(wire);
        const damaged = lists[list % lists.length] ?? [];
        const place = at % damaged.length;
        if (kind === 'replace') damaged[place] = value;
        else if (kind === 'remove') damaged.splice(place, 1);
        else damaged.push(value);
        let charged: Charged;
        try {
          charged = read(wire);
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableEvent);
          outcomes.unreadable++;
          return;
        }
        outcomes.read++;
        expect(drawsIn(charged)).toEqual(charged.charges.map(drawsOf));
        expect(consumptionIn(charged)).toEqual(charged.charges.map(consumptionOf));
        expect(transactionsIn(charged)).toEqual(charged.charges.map(transactionOf));
      }),
      { numRuns: 1000 },
    );
    expect(outcomes.unreadable).toBeGreaterThan(150);
    expect(outcomes.read).toBeGreaterThan(20);
  });
});
