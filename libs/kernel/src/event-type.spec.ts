import { Type } from '@sinclair/typebox';
import { type Credits, credits, format, storedCredits } from './amounts';
import { eventType, type Json, UnreadableEvent, UnwritableEvent } from './event-type';

interface Granted {
  readonly lotId: string;
  readonly amount: Credits;
  readonly priority: number;
}

const wire = Type.Object({ lot_id: Type.String(), amount: Type.String(), priority: Type.Integer({ minimum: 0 }) });

const declaration = {
  wire,
  read: (stored: { lot_id: string; amount: string; priority: number }): Granted => ({
    lotId: stored.lot_id,
    amount: storedCredits(stored.amount),
    priority: stored.priority,
  }),
  write: (data: Granted) => ({ lot_id: data.lotId, amount: format(data.amount), priority: data.priority }),
};

const CreditsGranted = eventType('CreditsGranted', {
  ...declaration,
  upcasts: [
    (v1) => ({ lot_id: v1['lot'] ?? null, amount: v1['amount'] ?? null }),
    (v2) => ({ ...v2, priority: 30 }), // every lot of version 2 was purchased
  ],
});
const granted: Granted = { lotId: 'lot_1', amount: credits(12_500_000_000n), priority: 10 };

describe('an event type', () => {
  test('reads what it wrote', () => {
    const stored = CreditsGranted.write(granted);
    expect(stored).toEqual({ lot_id: 'lot_1', amount: '12.5', priority: 10 });
    expect(CreditsGranted.read(JSON.parse(JSON.stringify(stored)) as Json, 3)).toEqual(granted);
  });

  test('INV-AMT-3: does not write what it could not read again', () => {
    const tooMuch = { ...granted, amount: credits(900_000_000_000_000_000_000_000_001n) };
    expect(() => CreditsGranted.write(tooMuch)).toThrow(UnwritableEvent);
    expect(() => CreditsGranted.write({ ...granted, priority: -1 })).toThrow(UnwritableEvent);
  });

  test('has a version one above the number of its upcasts, beside the type', () => {
    expect(CreditsGranted).toMatchObject({ type: 'CreditsGranted', version: 3, schema: wire });
    expect(eventType('CreditsGranted', declaration).version).toBe(1);
  });

  test.each([
    [1, { lot: 'lot_1', amount: '12.5' }, 30],
    [2, { lot_id: 'lot_1', amount: '12.5' }, 30],
    [3, { lot_id: 'lot_1', amount: '12.5', priority: 10 }, 10],
  ])('reads version %i through the upcasts that follow it', (version, stored, priority) => {
    expect(CreditsGranted.read(stored, version)).toEqual({ ...granted, priority });
  });

  test('does not change what was stored', () => {
    const stored = Object.freeze({ lot: 'lot_1', amount: '12.5' });
    CreditsGranted.read(stored, 1);
    expect(stored).toEqual({ lot: 'lot_1', amount: '12.5' });
  });

  test.each([0, -1, 4, 1.5, Number.NaN, undefined as unknown as number, '2' as unknown as number])(
    'refuses version %p, which nobody released',
    (version) => {
      expect(() => CreditsGranted.read({ lot_id: 'lot_1', amount: '1', priority: 1 }, version)).toThrow(
        UnreadableEvent,
      );
    },
  );

  test.each([
    ['a missing field', { lot_id: 'lot_1', amount: '1' }],
    ['a field of another type', { lot_id: 'lot_1', amount: 1, priority: 1 }],
    ['a field out of bounds', { lot_id: 'lot_1', amount: '1', priority: -1 }],
    ['null', null],
    ['a text', 'lot_1'],
    ['nothing', undefined],
  ])('refuses %s, saying which event it was', (_, stored) => {
    expect(() => CreditsGranted.read(stored, 3)).toThrow(UnreadableEvent);
    expect(() => CreditsGranted.read(stored, 3)).toThrow(/CreditsGranted/);
  });

  test('says which field does not fit', () => {
    expect(() => CreditsGranted.read({ lot_id: 'lot_1', amount: '1', priority: 'high' }, 3)).toThrow('/priority');
  });

  test.each([null, 'lot_1', undefined])('refuses %p where an upcast wants an object', (stored) => {
    expect(() => CreditsGranted.read(stored, 1)).toThrow(UnreadableEvent);
  });

  test('refuses an amount that its reader cannot read, and keeps the reason', () => {
    expect(() => CreditsGranted.read({ lot_id: 'lot_1', amount: '1e3', priority: 1 }, 3)).toThrow(UnreadableEvent);
    expect(() => CreditsGranted.read({ lot_id: 'lot_1', amount: '1e3', priority: 1 }, 3)).toThrow(
      /"1e3" is unreadable/,
    );
  });
});
