import type { Static } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { coverPositions } from '../api/client';
import type { JudgedFault, Sent } from './send';

const Count = Type.Integer({ minimum: 0 });

/**
 * What has become of the lines so far: `lines` = accepted + duplicates + conflicts + rejected, where a line that came
 * before and is still refused is one of the duplicates and of the rejected.
 */
export const Tally = Type.Object({
  lines: Count,
  accepted: Count,
  duplicates: Count,
  conflicts: Count,
  rejected: Count,
  /** Of the accepted ones and the duplicates, those that could not be charged yet. */
  quarantined: Count,
  /** The same by code. States of earlier releases have none. */
  quarantine_codes: Type.Optional(Type.Record(Type.String(), Count)),
  /** Covers everything that was written; null where nothing was. */
  position: Type.Union([Type.String(), Type.Null()]),
});
export type Tally = Static<typeof Tally>;

export const NOTHING: Tally = {
  lines: 0,
  accepted: 0,
  duplicates: 0,
  conflicts: 0,
  rejected: 0,
  quarantined: 0,
  quarantine_codes: {},
  position: null,
};

const count = (faults: readonly JudgedFault[], outcome: JudgedFault['outcome']): number =>
  faults.filter((fault) => fault.outcome === outcome).length;

const countedByCode = (
  before: Readonly<Record<string, number>>,
  faults: readonly JudgedFault[],
): Record<string, number> => {
  const counts = new Map(Object.entries(before));
  for (const { outcome, code } of faults) if (outcome === 'quarantined') counts.set(code, (counts.get(code) ?? 0) + 1);
  return Object.fromEntries(counts);
};

/** The tally after some more lines. */
export const tallied = (tally: Tally, lines: number, sent: Sent): Tally => ({
  lines: tally.lines + lines,
  accepted: tally.accepted + sent.accepted,
  duplicates: tally.duplicates + sent.duplicates,
  conflicts: tally.conflicts + count(sent.faults, 'conflict'),
  rejected: tally.rejected + count(sent.faults, 'rejected'),
  quarantined: tally.quarantined + count(sent.faults, 'quarantined'),
  quarantine_codes: countedByCode(tally.quarantine_codes ?? {}, sent.faults),
  position: coverPositions(tally.position, sent.position),
});
