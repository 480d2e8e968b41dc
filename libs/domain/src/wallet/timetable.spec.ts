import type { Instant } from '@drawdown/kernel';
import { changedBy, type OwnEvent } from '../events';
import { decide, nextDue, settleNext } from '../organization/rules';
import {
  amount,
  authorizeHold,
  changePolicy,
  extendHold,
  granted,
  inOrganization,
  later,
  preset,
  refundCharge,
  releaseHold,
  START,
  type Step,
  type TestLedger,
  used,
  wallet,
} from '../testing';
import type { OrganizationCommand } from './commands';
import { evolve } from './evolve';
import { violationsBy } from './invariants';
import { lotOf, type Organization, walletNamed } from './state';
import { timetableViolations } from './timetable';

const END = later(START, { days: 30 });

const ledgerWith = (...steps: readonly Step[]): TestLedger => inOrganization().given(...steps).ledger;
const numbered = (count: number, step: (n: number) => Step): Step[] => Array.from({ length: count }, (_, n) => step(n));

/** Counts how often the instants of what may become due are looked at. */
const countingInstants = (organization: Organization): { count: number } => {
  const looks = { count: 0 };
  const watch = (thing: object, name: string): void => {
    let value = Reflect.get(thing, name) as unknown;
    const get = (): unknown => {
      looks.count++;
      return value;
    };
    Object.defineProperty(thing, name, { get, set: (next: unknown) => (value = next), enumerable: true });
  };
  for (const lot of organization.lots.values()) for (const name of ['expiresAt', 'effectiveAt']) watch(lot, name);
  for (const hold of organization.holds.values()) watch(hold, 'expiresAt');
  return looks;
};

/** Looks at instants for each of the facts that time brings about up to `now`, all of which are booked. */
const looksPerFact = (organization: Organization, now: Instant): number => {
  const looks = countingInstants(organization);
  let facts = 0;
  for (let due = settleNext(organization, now); due.length > 0; due = settleNext(organization, now)) {
    for (const event of due) evolve(organization, event, now);
    facts += due.length;
  }
  expect(nextDue(organization)).toBeNull();
  return looks.count / facts;
};

describe.each<[string, (n: number) => Step]>([
  ['lots that expire', (n) => granted(`lot-${String(n)}`, '1', { expiresAt: END })],
  ['lots that take effect', (n) => granted(`lot-${String(n)}`, '1', { effectiveAt: END })],
  ['holds that end', (n) => authorizeHold(`hold-${String(n)}`, '1', { expiresAt: later(START, { hours: 1 }) })],
])('%s at one instant', (_, step) => {
  test('are booked one by one without looking at all the others for each', () => {
    const per = (count: number): number =>
      looksPerFact(ledgerWith(granted('all', '1000'), ...numbered(count, step)).organization, END);
    const [few, many] = [per(20), per(320)];
    expect(few).toBeGreaterThan(0);
    // 16 times as many take four more halvings, not 16 times the looks.
    expect(many).toBeLessThan(few * 2 + 20);
  });
});

test('of lots that begin, or expire, at one instant the first in draw order comes first, also after the order was changed', () => {
  const { ledger } = inOrganization().given(
    granted('begins late', '1', { priority: 20, effectiveAt: later(END, { seconds: -9 }) }),
    granted('begins early', '1', { priority: 10, effectiveAt: later(END, { seconds: -9 }) }),
    granted('late', '1', { priority: 20, expiresAt: END }),
    granted('early', '1', { priority: 10, expiresAt: END }),
    granted('first', '1', { priority: 30, expiresAt: later(END, { seconds: -1 }) }),
  );
  const names = (list: 'waitingLots' | 'expiringLots'): (string | undefined)[] =>
    ledger.organization[list].map(({ id }) => ledger.names.get(id));
  expect(names('expiringLots')).toEqual(['first', 'early', 'late']);
  expect(names('waitingLots')).toEqual(['begins early', 'begins late']);
  changePolicy({ drawOrder: ['effective_at'] })(ledger);
  expect(names('expiringLots')).toEqual(['first', 'late', 'early']);
  expect(names('waitingLots')).toEqual(['begins late', 'begins early']);
});

test('INV-TIM-6: of lots of several wallets that are due at one instant, those of the preset’s first wallet come first', () => {
  // By key, by priority and by when they were granted, it would be the other way round.
  const wallets = [wallet({ key: 'z' }), wallet({ key: 'a' })];
  const { ledger } = inOrganization({ preset: preset({ wallets }) }).given(
    granted('of the second', '1', { wallet: 'a', effectiveAt: START, expiresAt: END, priority: 1 }),
    granted('of the first', '1', { wallet: 'z', effectiveAt: START, expiresAt: END, priority: 9 }),
    granted('begins in the second', '1', { wallet: 'a', effectiveAt: END, priority: 1 }),
    granted('begins in the first', '1', { wallet: 'z', effectiveAt: END, priority: 9 }),
  );
  const names = (lots: Organization['expiringLots']) => lots.map(({ id }) => ledger.names.get(id));
  expect(names(ledger.organization.expiringLots)).toEqual(['of the first', 'of the second']);
  expect(names(ledger.organization.waitingLots)).toEqual(['begins in the first', 'begins in the second']);
  ledger.advance(END);
  const booked = ledger.log.flatMap((fact) =>
    fact.kind === 'event' && 'lotId' in fact.event.data ? [ledger.names.get(fact.event.data.lotId)] : [],
  );
  expect(booked).toEqual(['begins in the first', 'begins in the second', 'of the first', 'of the second']);
});

test('a lot that is missing in it, stands elsewhere, or is in it with nothing left is reported', () => {
  const damaged = (damage: (organization: Organization) => void): string[] => {
    const ledger = ledgerWith(
      granted('a', '1', { expiresAt: END }),
      granted('b', '1', { expiresAt: later(END, { days: 1 }) }),
    );
    damage(ledger.organization);
    return timetableViolations(ledger.organization);
  };
  expect(damaged(() => undefined)).toEqual([]);
  expect(damaged((organization) => (organization.expiringLots = []))).toHaveLength(1);
  expect(
    damaged((organization) => (organization.expiringLots = [...organization.expiringLots].reverse())),
  ).toHaveLength(1);
  expect(damaged((organization) => walletNamed(organization, 'credits')?.live.pop())).toHaveLength(1);
});

test('of holds that end at one instant, the older ends first, also one that was extended until then', () => {
  const { ledger } = inOrganization().given(granted('lot', '5'));
  const end = later(START, { hours: 2 });
  authorizeHold('older', '1', { expiresAt: later(START, { hours: 1 }) })(ledger);
  ledger.advance(later(START, { minutes: 1 }));
  authorizeHold('younger', '1', { expiresAt: end })(ledger);
  extendHold('older', end)(ledger);
  expect(ledger.organization.endingHolds.map(({ id }) => ledger.names.get(id))).toEqual(['older', 'younger']);
});

test('what is not listed would never become due: no decision after which something is missing is stored', () => {
  const { ledger } = inOrganization().given(
    granted('lot', '5', { expiresAt: END }),
    granted('next', '5', { effectiveAt: END }),
  );
  authorizeHold('hold', '1')(ledger);
  const { organization } = ledger;
  const nothing = { lots: new Set<string>(), holds: new Set<string>() };
  expect(violationsBy(organization, nothing)).toEqual([]);
  for (const list of ['endingHolds', 'waitingLots', 'expiringLots'] as const) {
    const damaged = { ...organization, [list]: [] };
    expect(violationsBy(damaged, nothing)).toEqual([expect.stringContaining('INV-TIM-6')]);
  }
});

test('a lot that comes back to life is in it again', () => {
  const { ledger } = inOrganization().given(granted('lot', '5', { expiresAt: END }), used('5', { id: 'charge' }));
  expect(ledger.organization.expiringLots).toEqual([]);
  const lot = lotOf(ledger.organization, ledger.idOf('lot', 'lot'));
  refundCharge('charge')(ledger);
  expect(lot.remaining).toBe(amount('5'));
  expect(ledger.organization.expiringLots).toEqual([lot]);
});

test('what has ended is looked at by nothing that is decided, booked or checked later', () => {
  const { ledger } = inOrganization().given(granted('spent', '5'), used('5'), granted('alive', '5'));
  authorizeHold('ended', '1')(ledger);
  releaseHold('ended')(ledger);
  const { organization } = ledger;
  const unasked = (): never => {
    throw new Error('the past was looked through');
  };
  const deaf = { value: unasked };
  for (const map of [organization.lots, organization.holds]) {
    Object.defineProperties(map, { values: deaf, entries: deaf, keys: deaf, forEach: deaf, [Symbol.iterator]: deaf });
  }
  const book = (events: readonly OwnEvent[]): void => {
    for (const event of events) {
      evolve(organization, event, ledger.now);
      const { lots, hold } = changedBy(event);
      expect(violationsBy(organization, { lots: new Set(lots), holds: new Set(hold === null ? [] : [hold]) })).toEqual(
        [],
      );
    }
  };
  const run = (command: OrganizationCommand, commandId: string): void => {
    const decision = decide(organization, command, { now: ledger.now, commandId });
    expect(decision.accepted).toBe(true);
    book(decision.accepted ? decision.events : []);
  };
  const about = { wallet: 'credits', serviceType: null, reference: null };
  run({ type: 'AuthorizeHold', ...about, amount: amount('2'), expiresAt: later(START, { hours: 1 }) }, 'h');
  book(settleNext(organization, later(START, { hours: 1 })));
  run({ type: 'AuthorizeHold', ...about, amount: amount('2'), expiresAt: null }, 'open');
  run({ type: 'CloseOrganization', reason: 'over' }, 'close');
});
