import { type Credits, credits, LARGEST, quantity } from '@drawdown/kernel';
import fc from 'fast-check';
import type { AppliedRate, Charge, UsageEvent } from '../events';
import { later, START } from './builders';

const id = fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/);
/** Texts as callers write them: any script, quotes, backslashes; no control characters. */
const freeText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((text) => !/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/.test(text));
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,62}$/);
const amounts = fc.oneof(fc.bigInt({ min: 0n, max: 20_000_000_000n }), fc.bigInt({ min: 0n, max: LARGEST }));
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });

/** A rate as charges record it; few of them, so that charges share them. */
const rates: readonly AppliedRate[] = [
  {
    card: 'a',
    version: 1,
    index: 0,
    price: { type: 'flat_rate', credits_per_unit: '1', unit: 'u' },
    rounding: { scale: 9, mode: 'up' },
  },
  {
    card: 'a',
    version: 2,
    index: 3,
    price: { type: 'per_token', per: '7', input: '1' },
    rounding: { scale: 2, mode: 'down' },
  },
];

const usages: fc.Arbitrary<Omit<UsageEvent, 'organizationId'>> = fc.record({
  source: fc.oneof(id, fc.constant("https://x.test/?a=1&b='2'")),
  id,
  type: freeText,
  time: fc.integer({ min: 0, max: 1e12 }).map((micros) => later(START, { micros })),
  workspaceId: orNull(id),
  userId: orNull(id),
  serviceType: name,
  resourceType: orNull(name),
  resourceId: orNull(id),
  model: orNull(freeText),
  quantities: fc
    .uniqueArray(name, { minLength: 1, maxLength: 4 })
    .chain((names) => fc.tuple(...names.map((each) => fc.tuple(fc.constant(each), amounts.map(quantity))))),
  unit: orNull(freeText),
  providerCost: orNull(fc.record({ amount: amounts.map(quantity), currency: fc.constantFrom('USD', 'EUR') })),
  parentTransactionId: orNull(id),
  taskId: orNull(id),
  latencyMs: orNull(fc.nat({ max: Number.MAX_SAFE_INTEGER })),
  dimensions: orNull(fc.dictionary(name, freeText, { maxKeys: 5 })),
  enforce: fc.boolean(),
  raw: fc.constant(null),
});

const drafts = fc.record({
  usage: usages,
  organizationId: fc.constantFrom('org_a', 'org_b'),
  actor: fc.constantFrom('key_1', 'system'),
  wallet: fc.constantFrom('credits', 'usd'),
  newPolicy: fc.boolean(),
  /** Other transactions of the wallet between this charge and the one before. */
  between: fc.constantFrom(0, 0, 0, 2),
  rate: fc.constantFrom(...rates),
  exact: orNull(fc.tuple(amounts, amounts).map(([n, d]) => `${String(n)}/${String(d + 1n)}`)),
  parts: fc.array(amounts, { maxLength: 4 }),
  debt: fc.constantFrom(0n, 0n, 1n, 10n ** 20n),
  uncovered: fc.constantFrom(0n, 0n, 7n),
  redriven: orNull(fc.nat()),
  start: fc.bigInt({ min: -1_000_000_000n, max: LARGEST / 2n }),
});

/** Charges of several organizations and wallets in the order of a log: numbers and balances follow on within each wallet. */
export const chargeLists: fc.Arbitrary<Charge[]> = fc.array(drafts, { minLength: 1, maxLength: 12 }).map((list) => {
  const wallets = new Map<string, { sequence: number; balance: Credits; policyVersion: number }>();
  return list.map(
    (
      {
        usage,
        organizationId,
        actor,
        wallet,
        newPolicy,
        between,
        rate,
        exact,
        parts,
        debt,
        uncovered,
        redriven,
        start,
      },
      n,
    ): Charge => {
      const key = `${organizationId}/${wallet}`;
      const state = wallets.get(key) ?? { sequence: 0, balance: credits(start), policyVersion: 1 };
      const slices = parts.map((amount, place) => ({
        lotId: `lot_${String((n + place) % 5)}`,
        amount: credits(amount / 100n + 1n),
      }));
      const drawn = slices.reduce((sum, slice) => sum + slice.amount, 0n);
      const sequence = state.sequence + 1 + between;
      const balanceBefore = credits(state.balance - BigInt(between));
      const balanceAfter = credits(balanceBefore - drawn - debt);
      const policyVersion = state.policyVersion + (newPolicy ? 1 : 0);
      wallets.set(key, { sequence, balance: balanceAfter, policyVersion });
      return {
        usage: { organizationId, ...usage },
        ...{ actor, wallet, policyVersion, rate, exact, slices, sequence, balanceBefore, balanceAfter, redriven },
        price: credits(drawn + debt + uncovered),
        debt: credits(debt),
        uncovered: credits(uncovered),
      };
    },
  );
});
