import type { Instant } from '@drawdown/kernel';
import fc from 'fast-check';
import { at, closeOrganization, given, granted, instant, later, replay, stored, TestLedger, used } from '../testing';
import { type Operation, operations, perform, presetOf, type Rules, rules } from '../testing/operations';
import type { Organization } from '../wallet/state';
import { settleNext } from './rules';

const after = (how: Rules, list: readonly Operation[]): TestLedger => {
  const ledger = new TestLedger({ preset: presetOf(how) });
  for (const [n, operation] of list.entries()) perform(ledger, operation, n, how);
  return ledger;
};
const histories = fc.tuple(rules, fc.array(operations, { minLength: 3, maxLength: 25, size: 'max' }));

describe('replaying what was recorded', () => {
  test('INV-LED-7, INV-LED-8: from scratch, with charges packed in any way, gives an equal state', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 6 }), ([how, list], pack) => {
        const ledger = after(how, list);
        expect(replay(stored(ledger.log, pack))).toEqual(ledger.organization);
      }),
      { numRuns: 60 },
    );
  });

  test('INV-LED-8, INV-DEL-9: on top of a state kept at any point gives an equal state', () => {
    fc.assert(
      fc.property(histories, fc.nat({ max: 40 }), ([how, list], cut) => {
        const { log, organization } = after(how, list);
        const place = 1 + (cut % log.length);
        const kept = structuredClone(replay(log.slice(0, place)));
        expect(replay(log.slice(place), kept)).toEqual(organization);
      }),
      { numRuns: 60 },
    );
  });

  test('INV-LED-8: goes on deciding alike: the second half of a history is the same after a restart', () => {
    fc.assert(
      fc.property(histories, ([how, list]) => {
        const whole = after(how, list);
        const half = Math.floor(list.length / 2);
        const restarted = after(how, list.slice(0, half)).restarted(3);
        list.slice(half).forEach((operation, n) => perform(restarted, operation, half + n, how));
        expect(restarted.log).toEqual(whole.log);
      }),
      { numRuns: 40 },
    );
  });
});

/** Settles at each instant in turn; the facts booked. */
const settleAt = (organization: Organization, instants: readonly Instant[]): unknown[] => {
  const booked: unknown[] = [];
  for (const now of instants) {
    for (;;) {
      const events = settleNext(organization, now);
      if (events.length === 0) break;
      for (const event of events) {
        booked.push(event);
        replay([{ kind: 'event', event, at: now }], organization);
      }
    }
  }
  return booked;
};

describe('settling what is due', () => {
  test('INV-TIM-6: hour by hour, at some instants, or in one jump over months books the same events and leaves the same state', () => {
    fc.assert(
      fc.property(
        histories,
        fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 8 }),
        ([how, list], some) => {
          const { log, now } = after(how, list);
          const end = later(now, { hours: 1500 });
          const hours = Array.from({ length: 1500 }, (_, n) => later(now, { hours: n + 1 }));
          const sometimes = [...some.toSorted((a, b) => a - b).map((n) => later(now, { hours: n, micros: 1 })), end];
          const [jump, often, seldom] = [replay(log), replay(log), replay(log)];
          const expected = settleAt(jump, [end]);
          expect(settleAt(often, hours)).toEqual(expected);
          expect(settleAt(seldom, sometimes)).toEqual(expected);
          for (const other of [often, seldom])
            expect({ ...other, lastBookedAt: end }).toEqual({ ...jump, lastBookedAt: end });
        },
      ),
      { numRuns: 30 },
    );
  });

  test('INV-TIM-6: a lot that pays debt uses its cap of the day on which it takes effect, whenever that is booked', () => {
    const steps = [
      used('2'),
      granted('lot', '9', { effectiveAt: instant('2026-03-02'), cap: { amount: '3', per: 'day' } }),
    ];
    const daily = given(...steps, at('2026-03-02'), at('2026-03-03'), granted('open', '9', { priority: 99 }));
    const jump = given(...steps, at('2026-03-03'), granted('open', '9', { priority: 99 }));
    for (const scenario of [daily, jump]) {
      scenario.when(used('4')).thenCharged({
        slices: [
          ['lot', '3'],
          ['open', '1'],
        ],
      });
    }
  });

  test('INV-LOT-14: books nothing after the organization was closed', () => {
    fc.assert(
      fc.property(histories, ([how, list]) => {
        const ledger = after(how, list);
        closeOrganization()(ledger);
        const { length } = ledger.log;
        ledger.advance(later(ledger.now, { days: 500 }));
        expect(ledger.log).toHaveLength(length);
        expect(replay(stored(ledger.log))).toEqual(ledger.organization);
      }),
      { numRuns: 30 },
    );
  });
});

test('INV-TIM-4: booked expiries and captures after the expiry add up to what remained at it', () => {
  fc.assert(
    fc.property(histories, ([how, list]) => {
      const ledger = after(how, list);
      ledger.advance(later(ledger.now, { days: 800 }));
      for (const lot of ledger.organization.lots.values()) {
        if (lot.expiresAt === null) continue;
        expect([lot.remaining, lot.held]).toEqual([0n, 0n]);
        expect(lot.amount + lot.returned).toBe(lot.consumed + lot.expired + lot.voided + lot.forfeited);
      }
      const ids = ledger.log.flatMap((fact) =>
        fact.kind === 'event' && fact.event.type === 'LotExpired' ? [fact.event.data.booking.transactionId] : [],
      );
      expect(new Set(ids).size).toBe(ids.length);
    }),
    { numRuns: 30 },
  );
});
