import { formatDecimal } from '@drawdown/kernel';
import fc from 'fast-check';
import type { Preset } from '../presets/preset';
import { type Duration, later, policy, preset, START, wallet } from './builders';
import {
  adjustBalance,
  authorizeHold,
  captureHold,
  extendHold,
  granted,
  refundCharge,
  releaseHold,
  type StepOutcome,
  used,
  voidGrant,
} from './steps';
import type { TestLedger } from './test-ledger';

/**
 * Things that happen to one wallet, small enough that they meet often: sizes in units, times in hours. `which` picks
 * among the lots, holds or charges there are; where there are none, nothing happens.
 */
export type Operation =
  | { readonly type: 'pass'; readonly hours: number }
  | {
      readonly type: 'grant';
      readonly size: number;
      readonly priority: number;
      readonly startsIn: number;
      readonly livesFor: number | null;
      readonly service: Service | null;
      readonly cap: { readonly size: number; readonly per: 'day' | 'calendar-month' } | null;
    }
  | { readonly type: 'use'; readonly size: number; readonly service: Service; readonly enforce: boolean }
  | { readonly type: 'hold'; readonly size: number; readonly service: Service | null; readonly livesFor: number }
  | { readonly type: 'extend'; readonly which: number; readonly size: number; readonly livesFor: number }
  | { readonly type: 'capture'; readonly which: number; readonly size: number; readonly final: boolean }
  | { readonly type: 'release'; readonly which: number }
  | { readonly type: 'refund'; readonly which: number; readonly size: number | null }
  | { readonly type: 'void'; readonly which: number }
  | { readonly type: 'adjust'; readonly size: number };
export type Service = 'llm_call' | 'email';

/** In what the policies of the wallets differ. */
export interface Rules {
  readonly onShortfall: 'debt' | 'write_off' | 'refuse';
  readonly overCapture: 'refuse' | 'cap' | 'draw_extra';
  readonly refundExpired: 'extend' | 'forfeit';
  readonly limit: number;
  readonly order: readonly ('priority' | 'expires_at' | 'effective_at')[];
  /** Parts of 10⁻⁹ credit that one unit stands for. */
  readonly unit: bigint;
}
export const GRACE_DAYS = 3;

const service = fc.constantFrom('llm_call' as const, 'email' as const);
const which = fc.nat({ max: 30 });
const size = fc.integer({ min: 1, max: 9 });
const hours = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 400 }));
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
const of = <T extends Operation['type'], R>(type: T, rest: R): R & { readonly type: T } => ({ type, ...rest });

export const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ hours }).map((rest) => of('pass', rest)) },
  {
    weight: 4,
    arbitrary: fc
      .record({
        size: fc.integer({ min: 1, max: 15 }),
        priority: fc.nat({ max: 2 }),
        startsIn: fc.constantFrom(0, 0, 0, -5, 7, 30),
        livesFor: orNull(fc.integer({ min: 1, max: 120 })),
        service: fc.constantFrom(null, null, 'llm_call' as const),
        cap: fc.constantFrom(null, null, { size: 3, per: 'day' as const }, { size: 6, per: 'calendar-month' as const }),
      })
      .map((rest) => of('grant', rest)),
  },
  {
    weight: 5,
    arbitrary: fc
      .record({ size: fc.nat({ max: 12 }), service, enforce: fc.constantFrom(false, false, true) })
      .map((rest) => of('use', rest)),
  },
  {
    weight: 3,
    arbitrary: fc.record({ size, service: orNull(service), livesFor: hours }).map((rest) => of('hold', rest)),
  },
  {
    weight: 1,
    arbitrary: fc.record({ which, size: fc.nat({ max: 4 }), livesFor: hours }).map((rest) => of('extend', rest)),
  },
  { weight: 3, arbitrary: fc.record({ which, size, final: fc.boolean() }).map((rest) => of('capture', rest)) },
  { weight: 1, arbitrary: fc.record({ which }).map((rest) => of('release', rest)) },
  { weight: 4, arbitrary: fc.record({ which, size: orNull(size) }).map((rest) => of('refund', rest)) },
  { weight: 1, arbitrary: fc.record({ which }).map((rest) => of('void', rest)) },
  {
    weight: 1,
    arbitrary: fc
      .record({ size: fc.integer({ min: -6, max: 6 }).filter((n) => n !== 0) })
      .map((rest) => of('adjust', rest)),
  },
);

export const rules: fc.Arbitrary<Rules> = fc.record({
  onShortfall: fc.constantFrom('debt', 'debt', 'write_off', 'refuse'),
  overCapture: fc.constantFrom('draw_extra', 'draw_extra', 'cap', 'refuse'),
  refundExpired: fc.constantFrom('extend', 'forfeit'),
  limit: fc.constantFrom(0, 0, 4),
  order: fc.constantFrom(
    ['priority', 'expires_at', 'effective_at'] as const,
    ['expires_at', 'priority'] as const,
    ['effective_at'] as const,
  ),
  unit: fc.constantFrom(1n, 333_333_333n, 1_000_000_000n),
});

export const presetOf = ({ unit, limit, order, ...rest }: Rules): Preset =>
  preset({
    wallets: [
      wallet({
        policy: policy({
          ...rest,
          drawOrder: order,
          overdraftLimit: (BigInt(limit) * unit) as ReturnType<typeof policy>['overdraftLimit'],
          refundGraceDays: GRACE_DAYS,
          maxHoldSeconds: 400 * 24 * 3600,
        }),
      }),
    ],
  });

const pick = <T>(list: readonly T[], at: number): T | undefined =>
  list.length === 0 ? undefined : list[at % list.length];

/** What there is to pick from: names of lots and holds, ids of charges and transactions that can be refunded. */
export const refundable = (ledger: TestLedger): string[] =>
  ledger.log.flatMap((fact) => {
    if (fact.kind === 'charge') return [fact.charge.usage.id];
    return fact.event.type === 'HoldCaptured' ? [fact.event.data.booking.transactionId] : [];
  });

/** Does an operation; null where there is nothing to do it to. The n-th makes lots, holds and charges of that number. */
export const perform = (ledger: TestLedger, operation: Operation, n: number, { unit }: Rules): StepOutcome | null => {
  const text = (units: number): string => formatDecimal(BigInt(units) * unit);
  const inHours = (from: typeof START, count: number): typeof START => later(from, { hours: count } satisfies Duration);
  const { organization, now } = ledger;
  const hold = 'which' in operation ? pick([...organization.holds.keys()], operation.which) : undefined;
  switch (operation.type) {
    case 'pass':
      ledger.advance(inHours(now, operation.hours));
      return null;
    case 'grant': {
      const { priority, startsIn, livesFor, service: only, cap } = operation;
      const effectiveAt = inHours(now, startsIn);
      return granted(`lot-${String(n)}`, text(operation.size), {
        priority,
        effectiveAt,
        ...(livesFor === null ? {} : { expiresAt: inHours(effectiveAt > now ? effectiveAt : now, livesFor) }),
        ...(only === null ? {} : { scope: { service_types: [only] } }),
        ...(cap === null ? {} : { cap: { amount: text(cap.size), per: cap.per } }),
      })(ledger);
    }
    case 'use':
      return used(text(operation.size), {
        id: `use-${String(n)}`,
        organizationId: organization.id,
        serviceType: operation.service,
        enforce: operation.enforce,
      })(ledger);
    case 'hold':
      return authorizeHold(`hold-${String(n)}`, text(operation.size), {
        serviceType: operation.service,
        expiresAt: inHours(now, operation.livesFor),
      })(ledger);
    case 'extend':
      return hold === undefined
        ? null
        : extendHold(
            hold,
            inHours(now, operation.livesFor),
            operation.size === 0 ? null : text(operation.size),
          )(ledger);
    case 'capture':
      return hold === undefined ? null : captureHold(hold, text(operation.size), { final: operation.final })(ledger);
    case 'release':
      return hold === undefined ? null : releaseHold(hold)(ledger);
    case 'refund': {
      const charge = pick(refundable(ledger), operation.which);
      return charge === undefined
        ? null
        : refundCharge(charge, operation.size === null ? null : text(operation.size))(ledger);
    }
    case 'void': {
      const lot = pick([...organization.lots.keys()], operation.which);
      return lot === undefined ? null : voidGrant(lot)(ledger);
    }
    case 'adjust':
      return adjustBalance(text(operation.size), { name: `lot-${String(n)}` })(ledger);
  }
};
