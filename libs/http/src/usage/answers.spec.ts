import type { UsageOutcome } from '@drawdown/commands';
import { positionOf } from '@drawdown/kernel';
import { chargedAnswer, countOutcomes, takenAnswer } from './answers';
import type { Intake } from './intake';

const intakeOf = (count: number): Intake => ({
  count,
  usages: Array.from({ length: count }, () => ({}) as Intake['usages'][number]),
  places: Array.from({ length: count }, (_, place) => place),
  rejected: [],
});

const refused = (code: string): UsageOutcome => ({
  outcome: 'refused',
  code,
  detail: code,
  wallet: null,
  duplicate: false,
});

test.each(['organization_not_found', 'organization_closed', 'unavailable'])(
  'an event that left nothing in the ledger (%s) is rejected, never counted as accepted (INV-INT-5)',
  (code) => {
    const outcomes = [refused(code), refused('out_of_credits')];
    const answer = takenAnswer(intakeOf(2), { outcomes, position: positionOf(0, 1) });
    expect(answer).toMatchObject({ accepted: 1, duplicates: 0, rejected: [{ index: 0, code }] });
  },
);

test('an event that is taken but not yet decided is accepted, without a position, and counted where it is decided', () => {
  const result = { outcomes: [{ outcome: 'taken' }, refused('organization_not_found')] as const, position: null };
  expect(takenAnswer(intakeOf(2), result)).toMatchObject({ accepted: 1, duplicates: 0, position: null });
  expect([...countOutcomes(intakeOf(2), result)]).toEqual([['refused', 1]]);
});

test('an event that came before is marked where its outcome does not say so (BAD-047)', () => {
  const before = { ...refused('out_of_credits'), duplicate: true } as const;
  const quarantined = { outcome: 'quarantined', code: 'no_rate', detail: 'no rate', duplicate: true } as const;
  const result = { outcomes: [before, quarantined, refused('out_of_credits')], position: positionOf(0, 1) };
  const marks = (chargedAnswer(intakeOf(3), result)['results'] as { duplicate?: boolean }[]).map(
    (one) => one.duplicate,
  );
  expect(marks).toEqual([true, true, undefined]);
  expect(takenAnswer(intakeOf(3), result)).toMatchObject({ accepted: 1, duplicates: 2 });
});

test('BAD-022: why an event is in conflict is said alike, whether its sender waits or not', () => {
  const result = { outcomes: [{ outcome: 'conflict', transactionId: null }] as const, position: positionOf(0, 1) };
  const [charged] = chargedAnswer(intakeOf(1), result)['results'] as { code: string; detail?: string }[];
  expect(takenAnswer(intakeOf(1), result)['rejected']).toMatchObject([
    { code: 'event_id_conflict', detail: expect.stringContaining('the first stands') as string },
  ]);
  expect(takenAnswer(intakeOf(1), result)['rejected']).toMatchObject([
    { code: charged?.code, detail: charged?.detail },
  ]);
});

test('INV-INT-6: every event that was received is counted once, as one outcome', () => {
  const read = intakeOf(5);
  const rejection = { rejected: 'missing_field', pointer: '/id', detail: 'this field is missing' } as const;
  const intake: Intake = { ...read, count: 6, rejected: [{ index: 5, id: null, rejection }] };
  const paid = { transactionId: 'txn', wallet: 'credits', debited: 1n, uncovered: 0n, balanceAfter: 9n };
  const outcomes = [
    { outcome: 'charged', ...paid },
    { outcome: 'duplicate', ...paid },
    { outcome: 'conflict', transactionId: null },
    { outcome: 'quarantined', code: 'no_rate', detail: 'no rate', duplicate: true },
    refused('out_of_credits'),
  ] as const;
  const counts = countOutcomes(intake, { outcomes, position: positionOf(0, 1) });
  const once = { charged: 1, duplicate: 1, conflict: 1, quarantined: 1, refused: 1, rejected: 1 };
  expect(Object.fromEntries(counts)).toEqual(once);
  expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(intake.count);
});
