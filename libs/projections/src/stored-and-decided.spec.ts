import { readRecorded } from '@drawdown/domain/events';
import * as fc from 'fast-check';
import { inspect } from 'node:util';
import { balances } from './balances/projector';
import { breakdown } from './breakdown/projector';
import { burnRate } from './burn-rate';
import { balanceDays } from './burndown/projector';
import type { LedgerProjector, LedgerRecord } from './ledger-record';
import { quarantine } from './quarantine';
import { type Draft, happenings, pack, stored, TestWorld } from './testing';

const SYSTEM_ACTOR = { type: 'system', id: 'system', role: null } as const;

/** As the ledger decides them: every charge an event of its own, none of which was ever stored. */
const decided = (drafts: readonly Draft[]): LedgerRecord[] =>
  pack(drafts, 1).map(({ event, organizationId, at, actor = SYSTEM_ACTOR }) => ({
    ...{ event, organizationId, actor, bookedAt: at, shard: 0, revision: 7 },
  }));

/** As projectors get them: charges of several organizations in one event, read from its bytes. */
const read = (drafts: readonly Draft[]): LedgerRecord[] =>
  pack(drafts, 50).map((draft) => {
    const { data, metadata, type } = stored('ledger-0', 7, draft);
    return readRecorded(0, { type, data, metadata, revision: 7 });
  });

const summed = <D>({ begin, apply }: LedgerProjector<D>, records: readonly LedgerRecord[]): D => {
  const deltas = begin();
  for (const record of records) apply(deltas, record);
  return deltas;
};

/** All of it as text: what refers back to what holds it cannot be compared otherwise. */
const shown = (deltas: unknown): string =>
  inspect(deltas, { sorted: true, depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity });

const summing: readonly LedgerProjector<unknown>[] = [balances, breakdown, burnRate, balanceDays];

test.each(summing)('$name adds up the same from columns of many charges and from charges one by one', (projector) => {
  fc.assert(
    fc.property(happenings(120), (history) => {
      const { drafts } = TestWorld.of(history);
      expect(shown(summed(projector, read(drafts)))).toBe(shown(summed(projector, decided(drafts))));
    }),
    { numRuns: 15 },
  );
});

test('quarantine knows whose usage came to an end, from columns as from charges', () => {
  fc.assert(
    fc.property(happenings(120), (history) => {
      const { drafts } = TestWorld.of(history);
      const charges = (records: readonly LedgerRecord[]) =>
        summed(quarantine, records).charged.flatMap((charged) => charged.charges);
      expect(charges(read(drafts))).toEqual(charges(decided(drafts)));
    }),
    { numRuns: 5 },
  );
});
