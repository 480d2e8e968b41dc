import { type EventType, UnreadableEvent } from '@drawdown/kernel';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CATALOGUE_EVENT_TYPES,
  effectsOf,
  LEDGER_EVENT_TYPES,
  type OwnEvent,
  readCatalogueEvent,
  readLedgerEvent,
  readRecorded,
  writeCatalogueEvent,
  writeLedgerEvent,
} from '.';

/**
 * One stored sample of every event type and version, kept for ever: the log of every installation has such events.
 * A sample is never edited; a new version of an event comes with a file beside the old one.
 */
const FOLDER = join(__dirname, 'samples');
const sample = (type: string, version: number): unknown =>
  JSON.parse(readFileSync(join(FOLDER, `${type}.v${String(version)}.json`), 'utf8'));

type AnyType = Pick<EventType, 'type' | 'version'>;
const ledger: readonly AnyType[] = LEDGER_EVENT_TYPES;
const catalogue: readonly AnyType[] = CATALOGUE_EVENT_TYPES;
const versionsOf = ({ type, version }: AnyType): [string, number][] =>
  Array.from({ length: version }, (_, index): [string, number] => [type, index + 1]);

test('there is a sample of every version of every event, and none of anything else', () => {
  const expected = [...ledger, ...catalogue].flatMap(versionsOf).map(([type, n]) => `${type}.v${String(n)}.json`);
  expect(readdirSync(FOLDER).sort()).toEqual(expected.sort());
});

describe('a stored ledger event', () => {
  test.each(ledger.flatMap(versionsOf))(
    '%s version %i is read, and written the same in its newest version',
    (type, version) => {
      const event = readLedgerEvent(type, version, sample(type, version));
      expect(event.type).toBe(type);
      const newest = ledger.find((each) => each.type === type)?.version;
      const written = writeLedgerEvent(event);
      expect(written.version).toBe(newest);
      if (version === newest) expect(JSON.parse(JSON.stringify(written.stored))).toEqual(sample(type, version));
      expect(readLedgerEvent(type, written.version, JSON.parse(JSON.stringify(written.stored)))).toEqual(event);
    },
  );
});

describe('a stored catalogue event', () => {
  test.each(catalogue.flatMap(versionsOf))(
    '%s version %i is read, and written the same in its newest version',
    (type, version) => {
      const event = readCatalogueEvent(type, version, sample(type, version));
      const written = writeCatalogueEvent(event);
      if (version === written.version)
        expect(JSON.parse(JSON.stringify(written.stored))).toEqual(sample(type, version));
      expect(readCatalogueEvent(type, written.version, JSON.parse(JSON.stringify(written.stored)))).toEqual(event);
    },
  );
});

describe('a damaged event is unreadable, BAD-122', () => {
  const broken: [string, (stored: Record<string, unknown>) => unknown, number?][] = [
    ['of a newer version', (stored) => stored, 2],
    ['of version 0', (stored) => stored, 0],
    ['without a field', ({ reason: _, ...stored }) => stored],
    ['with an amount as a number', (stored) => ({ ...stored, debt_paid: 30 })],
    ['with an amount in another spelling', (stored) => ({ ...stored, debt_paid: '3e1' })],
    ['with an amount past the range', (stored) => ({ ...stored, debt_paid: '999999999999999999' })],
    ['that is a text', () => 'CreditsGranted'],
    ['that is null', () => null],
  ];
  test.each(broken)('%s', (_, damage, version = 1) => {
    const stored = sample('CreditsGranted', 1) as Record<string, unknown>;
    expect(() => readLedgerEvent('CreditsGranted', version, damage(stored))).toThrow(UnreadableEvent);
  });

  test('of a type that is not known, or that every object has', () => {
    for (const type of ['CreditsBurned', 'constructor', '__proto__', '']) {
      expect(() => readLedgerEvent(type, 1, {})).toThrow(UnreadableEvent);
      expect(() => readCatalogueEvent(type, 1, {})).toThrow(UnreadableEvent);
    }
  });

  test('with bytes that are no UTF-8, in whatever text they stand', () => {
    const data = Buffer.from(JSON.stringify(sample('CreditsGranted', 1)), 'utf8');
    const actor = { type: 'system', id: 'system', role: null } as const;
    const metadata = { version: 1, organization_id: 'org_1', booked_at: '2026-03-01T00:00:00.000000Z', actor };
    const stored = { type: 'CreditsGranted', revision: 4, metadata: { ...metadata, hash: '0'.repeat(64) } };
    expect(readRecorded(0, { ...stored, data }).event.type).toBe('CreditsGranted');
    const damaged = Buffer.from(data);
    damaged[data.indexOf('"reason":"') + '"reason":"'.length] = 0xff;
    expect(() => readRecorded(0, { ...stored, data: damaged })).toThrow(UnreadableEvent);
  });

  test('with an instant that is none', () => {
    const stored = sample('LotActivated', 1) as Record<string, unknown>;
    for (const effective_at of ['2026-02-30T00:00:00.000000Z', '2026-03-01T10:00:00Z', '', null]) {
      expect(() => readLedgerEvent('LotActivated', 1, { ...stored, effective_at })).toThrow(UnreadableEvent);
    }
  });

  test('where charges refer to names, lots or rates that are not there', () => {
    const stored = sample('UsageCharged', 1) as { charges: Record<string, unknown> };
    for (const column of ['wallet', 'source', 'rate', 'shape', 'service_type', 'lot', 'actor']) {
      const charges = { ...stored.charges, [column]: [99, 99, 99] };
      expect(() => readLedgerEvent('UsageCharged', 1, { charges })).toThrow(UnreadableEvent);
    }
    for (const column of ['wallet', 'source', 'type', 'user', 'model', 'rate', 'shape', 'lot', 'actor']) {
      const charges = { ...stored.charges, [column]: (stored.charges[column] as number[]).slice(0, 2) };
      expect(() => readLedgerEvent('UsageCharged', 1, { charges })).toThrow(UnreadableEvent);
    }
    for (const column of ['price', 'quantities', 'time']) {
      expect(() => readLedgerEvent('UsageCharged', 1, { charges: { ...stored.charges, [column]: [] } })).toThrow(
        UnreadableEvent,
      );
    }
  });

  test.each(['999999999999999999', '-999999999999999999', '-0'])('where any amount of a charge is %s', (amount) => {
    const { charges } = sample('UsageCharged', 1) as { charges: Record<string, unknown> };
    const wallets = charges['wallets'] as Record<string, unknown>;
    const damaged: Record<string, unknown>[] = [
      { price: ['4', amount, '1.5'] },
      { quantities: ['1200', '310.5', '1', '0', amount] },
      { debt: [[1, amount]] },
      { uncovered: [[2, amount]] },
      { splits: [[1, [[0, '1'], [1, amount]]]] }, // prettier-ignore
      { provider_cost: [[0, [amount, 'USD']]] },
      { wallets: { ...wallets, balance_before: ['10', amount] } },
    ];
    for (const columns of damaged) {
      const stored = { charges: { ...charges, ...columns } };
      expect(() => readLedgerEvent('UsageCharged', 1, stored)).toThrow(UnreadableEvent);
    }
  });
});

test('every event says what it does to amounts: bookings move what the moves move', () => {
  const consumed = ['consume', 'expire', 'void', 'forfeit'];
  for (const { type, version } of ledger) {
    if (type.startsWith('Usage')) continue;
    const effects = effectsOf(readLedgerEvent(type, version, sample(type, version)) as OwnEvent);
    const [booking, ...more] = effects.bookings;
    expect(more).toEqual([]);
    if (booking === undefined) continue;
    const moved = (moves: readonly string[]): bigint =>
      effects.moves.reduce((sum, { move, amount }) => sum + (moves.includes(move) ? amount : 0n), 0n);
    const granted = type === 'CreditsGranted' ? booking.credited : 0n;
    expect([type, booking.credited - booking.debited]).toEqual([
      type,
      granted + moved(['return']) - moved(consumed) - (effects.debt?.change ?? 0n),
    ]);
  }
});
