import { type Deciding, decideWorks } from './decide-works';
import { ShardState } from './fold';
import type { CommandResult } from './ledger';
import { TakenOffsets } from './offsets';
import { SENDER } from './testing';
import type { CommandWork, SettleWork } from './work';

const waiting = { resolve: () => undefined, reject: () => undefined };
const command: CommandWork = {
  ...{ kind: 'command', organizationId: 'acme', command: { type: 'CloseOrganization', reason: 'over' } },
  ...{ commandId: 'c', sender: SENDER, idempotency: null, source: null, ...waiting },
};
const settle: SettleWork = { kind: 'settle', clock: '', ...waiting };

/** A turn whose commands end like that, and that has settled more than an append holds. */
const tooMuch = (result: CommandResult | null, isSettled = true): Deciding => ({
  usages: { decide: () => null },
  commands: { decide: () => result },
  settling: { settleClock: () => isSettled },
  state: new ShardState(),
  batch: { isFull: false, isTooLarge: true },
  taken: new TakenOffsets(new Map(), null),
  failed: () => undefined,
});
const decided = (deciding: Deciding, works: readonly (CommandWork | SettleWork)[]) =>
  decideWorks(deciding, works, () => undefined);

test('a command that waits is not blamed for the size of what was settled before it', () => {
  expect(decided(tooMuch(null), [command, settle])).toMatchObject({ works: [command], finished: 0, answers: [] });
});

test('what does not fit into an append by itself throws', () => {
  const refused = { accepted: false, keyReused: true } as const;
  expect(() => decided(tooMuch(refused), [command])).toThrow('too large for one append');
  expect(() => decided(tooMuch(null), [settle])).toThrow('too large for one append');
});

test('settling that has not come to its end goes on after all others', () => {
  const deciding = { ...tooMuch(null, false), batch: { isFull: false, isTooLarge: false } };
  expect(decided(deciding, [settle, command])).toMatchObject({ finished: 1, postponed: [settle] });
});
