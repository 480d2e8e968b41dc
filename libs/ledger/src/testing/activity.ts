import type { OrganizationCommand, UsageEvent } from '@drawdown/domain';
import { amount, instant, later, NO_USAGE } from '@drawdown/domain/testing';
import { chargeId, derivedId, HOUR_MICROS, organizationNamespace } from '@drawdown/kernel';
import fc from 'fast-check';
import { ACME, grant, hold, type LedgerWorld, refund, SENDER, used } from './world';

/** Something that somebody does; what it refers to is a number of an earlier operation or a name. */
export type Operation =
  | { readonly kind: 'grant'; readonly credits: number; readonly fromHours: number; readonly forHours: number | null }
  | { readonly kind: 'hold'; readonly credits: number; readonly hours: number }
  | { readonly kind: 'end hold'; readonly which: number; readonly capture: number | null }
  | { readonly kind: 'void'; readonly which: number }
  | { readonly kind: 'usage' | 'redrive'; readonly name: number; readonly units: number; readonly service: string }
  | { readonly kind: 'refund'; readonly name: number; readonly credits: number | null }
  | { readonly kind: 'assign' }
  | { readonly kind: 'pass'; readonly hours: number };

const few = fc.integer({ min: 1, max: 12 });
const maybe = fc.option(few);
const usage = { name: fc.nat(8), units: few, service: fc.constantFrom('llm_call', 'compute', 'unknown') };
const is = <K extends Operation['kind']>(kind: K): fc.Arbitrary<K> => fc.constant(kind);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: is('grant'), credits: few, fromHours: fc.constantFrom(0, 0, 5), forHours: maybe }),
  },
  { weight: 3, arbitrary: fc.record({ kind: is('hold'), credits: few, hours: few }) },
  { weight: 2, arbitrary: fc.record({ kind: is('end hold'), which: fc.nat(9), capture: maybe }) },
  { weight: 1, arbitrary: fc.record({ kind: is('void'), which: fc.nat(9) }) },
  { weight: 6, arbitrary: fc.record({ kind: is('usage'), ...usage }) },
  { weight: 1, arbitrary: fc.record({ kind: is('redrive'), ...usage }) },
  { weight: 2, arbitrary: fc.record({ kind: is('refund'), name: fc.nat(8), credits: maybe }) },
  { weight: 1, arbitrary: fc.record({ kind: is('assign') }) },
  { weight: 2, arbitrary: fc.record({ kind: is('pass'), hours: few }) },
);

/** What people may do to one organization in any order. */
export const activities = (maxLength: number): fc.Arbitrary<Operation[]> =>
  fc.array(operation, { minLength: 3, maxLength });

/** Which operations are decided together, and after which the ledger is started anew: what must make no difference. */
export interface Course {
  /** True where the operation of this number (counted around) belongs to the batch before. */
  readonly together: readonly boolean[];
  readonly restarts: readonly number[];
  readonly settles: readonly number[];
}

export const courses: fc.Arbitrary<Course> = fc.record({
  together: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
  restarts: fc.array(fc.nat(30), { maxLength: 3 }),
  settles: fc.array(fc.nat(30), { maxLength: 3 }),
});

const idOf = (number: number): string => `command-${String(number)}`;

/** The command that made one of the holds or lots so far. */
const madeBy = (kind: 'hold' | 'grant', which: number, operations: readonly Operation[]): string => {
  const made = operations.flatMap((other, number) => (other.kind === kind ? [number] : []));
  return idOf(made[which % made.length] ?? 0);
};

const usageOf = (
  { name, units, service }: Extract<Operation, { kind: 'usage' | 'redrive' }>,
  organizationId: string,
): UsageEvent =>
  used(`u${String(name)}`, String(units), { organizationId, serviceType: service, time: instant('2026-03-01') });

const commandOf = (
  world: LedgerWorld,
  operation: Operation,
  operations: readonly Operation[],
  of: string,
): OrganizationCommand => {
  const now = world.clock.now();
  switch (operation.kind) {
    case 'grant': {
      const effectiveAt = operation.fromHours === 0 ? null : later(now, { hours: operation.fromHours });
      const expiresAt =
        operation.forHours === null ? null : later(now, { hours: operation.fromHours + operation.forHours });
      return grant(String(operation.credits), { effectiveAt, expiresAt });
    }
    case 'hold':
      return hold(String(operation.credits), later(now, { hours: operation.hours }));
    case 'end hold': {
      const holdId = derivedId('hold', of, madeBy('hold', operation.which, operations));
      if (operation.capture === null) return { type: 'ReleaseHold', holdId };
      return { type: 'CaptureHold', holdId, amount: amount(String(operation.capture)), final: true, usage: NO_USAGE };
    }
    case 'void':
      return {
        type: 'VoidGrant',
        lotId: derivedId('lot', of, madeBy('grant', operation.which, operations)),
        reason: 'test',
      };
    case 'refund': {
      const id = chargeId(organizationNamespace(of), 'tests', `u${String(operation.name)}`);
      return refund(id, operation.credits === null ? null : String(operation.credits));
    }
    default:
      return { type: 'AssignRateCard', rateCard: 'card' };
  }
};

/** Does all of it, in this course; the world that is left (another one after restarts). */
export const act = async (
  start: LedgerWorld,
  operations: readonly Operation[],
  { together, restarts, settles }: Course = { together: [false], restarts: [], settles: [] },
  of = ACME,
): Promise<LedgerWorld> => {
  let world = start;
  let batch: Promise<unknown>[] = [];
  const finish = async (): Promise<void> => {
    await Promise.all(batch);
    batch = [];
  };
  for (const [number, operation] of operations.entries()) {
    if (together[number % together.length] !== true) await finish();
    if (settles.includes(number)) await world.ledger.settleClock('');
    if (restarts.includes(number)) {
      await finish();
      await world.ledger.stop();
      world = await world.again();
    }
    if (operation.kind === 'pass') {
      await finish();
      world.clock.advance(BigInt(operation.hours) * HOUR_MICROS);
    } else if (operation.kind === 'usage') batch.push(world.charge(usageOf(operation, of)));
    else if (operation.kind === 'redrive') {
      await finish(); // it looks at the log before it takes its place in the queue
      await world.ledger.redrive([usageOf(operation, of)], SENDER);
    } else {
      const key = number % 3 === 0 ? { key: idOf(number), hash: 'hash' } : undefined;
      const command = commandOf(world, operation, operations.slice(0, number), of);
      batch.push(world.submit(idOf(number), command, of, key));
    }
  }
  await finish();
  return world;
};
