import fc from 'fast-check';
import { shown, TestLedger } from '../testing';
import { NaiveWallet } from '../testing/naive-wallet';
import { type Operation, operations, perform, presetOf, type Rules, rules } from '../testing/operations';
import type { StepOutcome } from '../testing';
import { walletNamed } from './state';

const outcomeOf = (step: StepOutcome | null): string => {
  if (step === null) return 'nothing';
  if (step.kind === 'command') return step.outcome.accepted ? 'done' : step.outcome.refusal.code;
  if (step.kind === 'usage') return step.decision.kind === 'refuse' ? 'out_of_credits' : 'done';
  return 'nothing';
};

const inModel = (model: NaiveWallet, { unit }: Rules): object => {
  const text = (units: number): string => shown(BigInt(units) * unit);
  const held = (lot: (typeof model.lots)[number]): number => lot.units.filter(({ state }) => state === 'held').length;
  const left = (lot: (typeof model.lots)[number]): number =>
    lot.units.filter(({ state }) => state === 'free' || state === 'held').length;
  const sum = (numbers: number[]): number => numbers.reduce((total, n) => total + n, 0);
  const isOpen = model.holds.filter(({ state }) => state === 'open');
  return {
    settled: text(sum(model.lots.map(left)) - model.owed),
    debt: text(model.owed),
    held: text(sum(model.lots.map(held)) + sum(isOpen.map(({ overdraft }) => overdraft))),
    lots: model.lots.map((lot) => ({
      remaining: text(left(lot)),
      held: text(held(lot)),
      consumed: text(lot.booked.consumed),
      returned: text(lot.booked.returned),
      expired: text(lot.booked.expired),
      voided: text(lot.booked.voided),
      forfeited: text(lot.booked.forfeited),
    })),
    holds: model.holds.map(({ state, total, captured, overdraft }) => [
      state,
      text(total),
      text(captured),
      text(overdraft),
    ]),
  };
};

const inProduct = ({ organization }: TestLedger): object => {
  const wallet = walletNamed(organization, 'credits');
  if (wallet === undefined) throw new Error('no wallet');
  return {
    settled: shown(wallet.settled),
    debt: shown(wallet.debt),
    held: shown(wallet.held),
    lots: [...organization.lots.values()].map((lot) => ({
      remaining: shown(lot.remaining),
      held: shown(lot.held),
      consumed: shown(lot.consumed),
      returned: shown(lot.returned),
      expired: shown(lot.expired),
      voided: shown(lot.voided),
      forfeited: shown(lot.forfeited),
    })),
    holds: [...organization.holds.values()].map(({ state, total, captured, overdraft }) => [
      state,
      shown(total),
      shown(captured),
      shown(overdraft),
    ]),
  };
};

const together = (how: Rules, list: readonly Operation[]): void => {
  const ledger = new TestLedger({ preset: presetOf(how) });
  const model = new NaiveWallet(how);
  for (const [n, operation] of list.entries()) {
    const expected = model.perform(operation);
    expect([operation, outcomeOf(perform(ledger, operation, n, how))]).toEqual([operation, expected]);
    expect([operation, inProduct(ledger)]).toEqual([operation, inModel(model, how)]);
  }
};

test('the wallet does what a naive one does: balances, lots, holds and refusals, after every step', () => {
  fc.assert(fc.property(rules, fc.array(operations, { minLength: 5, maxLength: 30, size: 'max' }), together), {
    numRuns: 300,
  });
});
