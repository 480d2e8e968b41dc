import { type Charge, effectsOf, type LedgerEvent, type OwnEvent, readRecorded } from '@drawdown/domain/events';
import { START } from '@drawdown/domain/testing';
import { chargeId, format, formatDecimal, organizationNamespace, quantity } from '@drawdown/kernel';
import * as fc from 'fast-check';
import type { LedgerRecord } from '../ledger-record';
import { type Draft, happenings, pack, stored, TestWorld } from '../testing';
import { transactions } from './projector';
import { NAMES, cellsOf } from './transaction-columns';
import { type TransactionDeltas, transactionIdOf } from './rows';

type Row = Record<string, unknown>;

/** Each row of a batch, whether its columns are kept as one cell or as many. */
const rowsOf = ({ columns }: TransactionDeltas): Row[] =>
  columns.organization_id
    .spread()
    .map((_, row) => Object.fromEntries(NAMES.map((name) => [name, columns[name].spread()[row]])));

const booked = (records: readonly LedgerRecord[]): TransactionDeltas => {
  const deltas = transactions.begin();
  for (const record of records) transactions.apply(deltas, record);
  return deltas;
};

const readAgain = (draft: ReturnType<typeof pack>[number], revision: number): LedgerRecord => {
  const { data, metadata, type } = stored('ledger-0', revision, draft);
  return readRecorded(0, { type, data, metadata, revision });
};

/** Whether it is of one organization, as bookings are. */
const isOwn = (event: LedgerEvent): event is OwnEvent => !event.type.startsWith('Usage');

/** What the amounts of a charge come to in a row, worked out from the charge itself. */
const amountsOf = ({ usage, ...charge }: Charge): Row => {
  const tokens = usage.quantities.filter(([name]) => name.endsWith('_tokens'));
  const [only] = usage.quantities;
  const single = usage.quantities.length === 1 && only !== undefined ? only : undefined;
  const shown =
    single?.[0] === 'quantity'
      ? [format(single[1]), usage.unit]
      : tokens.length > 0
        ? [formatDecimal(tokens.reduce((sum, [, amount]) => sum + amount, 0n)), 'tokens']
        : single !== undefined
          ? [format(single[1]), single[0]]
          : [null, null];
  return {
    debited: formatDecimal(charge.price - charge.uncovered),
    credited: '0',
    balance_before: format(charge.balanceBefore),
    balance_after: format(charge.balanceAfter),
    debt: format(charge.debt),
    uncovered: format(charge.uncovered),
    usage_quantity: shown[0],
    usage_unit: shown[1],
    slices: charge.slices.map(({ lotId, amount }) => `${lotId}=${format(amount)}`).join(' '),
  };
};

/** What else a charge says in its row. */
const saidOf = ({ usage, wallet, sequence, policyVersion, actor }: Charge): Row => ({
  ...{
    organization_id: usage.organizationId,
    kind: 'consumption',
    wallet,
    sequence,
    policy_version: policyVersion,
    actor,
  },
  ...{ service_type: usage.serviceType, resource_type: usage.resourceType, resource_id: usage.resourceId },
  ...{ user_id: usage.userId, workspace_id: usage.workspaceId, model: usage.model, task_id: usage.taskId },
  ...{ parent_transaction_id: usage.parentTransactionId, refunded_transaction_id: null, latency_ms: usage.latencyMs },
  event_time: usage.time,
});

const COUNTS = fc.constantFrom(['quantity'], ['pages'], ['input_tokens'], ['input_tokens', 'pages', 'output_tokens'], ['a', 'b']); // prettier-ignore

/** Charges of several organizations, of which some are counted in tokens, some in a unit, and some in nothing. */
const charges = fc.tuple(happenings(120), fc.array(COUNTS, { minLength: 5, maxLength: 5 })).map(([history, counts]) =>
  TestWorld.of(history)
    .drafts.flatMap((draft) => ('charge' in draft ? [draft.charge] : []))
    .map((charge, n): Charge => {
      const [, amount] = charge.usage.quantities[0] ?? [];
      const names = counts[n % counts.length] ?? [];
      const quantities = names.map((name) => [name, amount ?? quantity(0n)] as const);
      return { ...charge, usage: { ...charge.usage, quantities } };
    }),
);

test('a row says of a charge what the charge says, as it was decided and as it is stored', () => {
  fc.assert(
    fc.property(charges, (list) => {
      const at = START;
      const [draft] = pack(
        list.map((charge): Draft => ({ charge, at })),
        list.length,
      );
      if (draft === undefined) return;
      const record = readAgain(draft, 7);
      const rows = rowsOf(booked([record]));
      expect(rowsOf(booked([{ ...record, event: { type: 'UsageCharged', data: { charges: list } } }]))).toEqual(rows);
      expect(rows).toHaveLength(list.length);
      for (const [index, charge] of list.entries()) {
        const { usage } = charge;
        expect(rows[index]).toMatchObject({
          ...amountsOf(charge),
          ...saidOf(charge),
          idx: index,
          revision: 7,
          booked_at: at,
        });
        const digits = String(rows[index]?.['id']).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
        expect(transactionIdOf(digits)).toBe(
          chargeId(organizationNamespace(usage.organizationId), usage.source, usage.id),
        );
      }
    }),
    { numRuns: 100 },
  );
});

test('a batch has the rows of its events by organization, one after the other, in as few cells as say so', () => {
  fc.assert(
    fc.property(happenings(60), (history) => {
      const records = pack(TestWorld.of(history).drafts, 10).map(readAgain);
      const alone = records.flatMap((record) => rowsOf(booked([record])));
      const deltas = booked(records);
      const cells = cellsOf(deltas.columns);
      const organizations = [...new Set(alone.map((row) => String(row['organization_id'])))].sort();
      const sorted = organizations.flatMap((id) => alone.filter((row) => row['organization_id'] === id));
      expect(cells[0]).toHaveLength(alone.length);
      for (const [place, column] of cells.entries()) {
        const said = sorted.map((row) => row[NAMES[place] ?? '']);
        const isSame = place > 0 && new Set(said).size === 1;
        expect(column).toEqual(isSame ? said.slice(0, 1) : said);
      }
      expect(rowsOf(deltas)).toEqual(alone);
    }),
    { numRuns: 15 },
  );
});

test('a row says of a booking what the booking says', () => {
  fc.assert(
    fc.property(happenings(60), (history) => {
      for (const record of pack(TestWorld.of(history).drafts, 10).map(readAgain)) {
        const { event } = record;
        if (!isOwn(event)) continue;
        const expected = effectsOf(event).bookings.map(
          ({
            transactionId,
            kind,
            wallet,
            sequence,
            debited,
            credited,
            balanceBefore,
            balanceAfter,
            debt,
            ...rest
          }) => ({
            ...{ id: transactionId.slice('txn_'.length), kind, wallet, sequence, policy_version: rest.policyVersion },
            ...{ debited: format(debited), credited: format(credited), debt: format(debt), event_time: rest.eventTime },
            ...{ balance_before: format(balanceBefore), balance_after: format(balanceAfter), actor: record.actor.id },
            slices: rest.slices.map(({ lotId, amount }) => `${lotId}=${format(amount)}`).join(' '),
          }),
        );
        expect(rowsOf(booked([record]))).toMatchObject(expected);
      }
    }),
    { numRuns: 10 },
  );
});
