import type { Credits, JsonObject } from '@drawdown/kernel';
import type { OwnEvent, WalletPolicy } from '../events';
import type { Preset } from '../presets/preset';
import type { CompiledCard } from '../rating/compiled-card';
import type { RefusalCode } from '../wallet/commands';
import { holdOf, lotOf, walletOf } from '../wallet/state';
import { walletBalances } from '../wallet/views';
import { amount, policy, preset, shown, wallet } from './builders';
import type { Step, StepOutcome } from './steps';
import { type CommandOutcome, TestLedger } from './test-ledger';

type EventType = OwnEvent['type'];
type DataOf<T extends EventType> = Extract<OwnEvent, { type: T }>['data'];

export interface ExpectedEvent {
  readonly type: EventType;
  readonly data: object;
}

/** An event as a scenario expects it: the given part of its data, with lots and holds called by their names. */
export const event = <T extends EventType>(
  type: T,
  data: { readonly [K in keyof DataOf<T>]?: unknown } = {},
): ExpectedEvent => ({ type, data });

/** Matches an object that has at least these fields. */
export const partly = (fields: object): unknown => expect.objectContaining(fields);

type NamedAmount = readonly [name: string, credits: string];
export const slices = (...parts: readonly NamedAmount[]): { lotId: string; amount: Credits }[] =>
  parts.map(([lotId, credits]) => ({ lotId, amount: amount(credits) }));

export const holdAuthorized = (name: string, parts: readonly NamedAmount[], overdraft = '0'): ExpectedEvent =>
  event('HoldAuthorized', { holdId: name, slices: slices(...parts), overdraft: amount(overdraft) });

interface ExpectedCharge {
  readonly price?: string;
  readonly slices?: readonly NamedAmount[];
  readonly debt?: string;
  readonly uncovered?: string;
}

type LotTerm = 'remaining' | 'held' | 'consumed' | 'returned' | 'expired' | 'voided' | 'forfeited';
type BalanceName = 'settled' | 'held' | 'available' | 'dormant' | 'debt';

/**
 * Given and when over one organization; every step also checks that the books add up. It has no method `then`, or a test
 * that returns it would be taken for a promise: that belongs to what {@link Scenario.when} answers.
 */
export class Scenario {
  private last: StepOutcome | null = null;

  constructor(readonly ledger: TestLedger) {}

  /** Things that happened; each must have been accepted. */
  given(...steps: readonly Step[]): this {
    for (const step of steps) {
      const done = step(this.ledger);
      if (done.kind === 'command' && !done.outcome.accepted) {
        throw new Error(`given: refused with ${done.outcome.refusal.code}: ${done.outcome.refusal.detail}`);
      }
      if (done.kind === 'usage' && done.decision.kind !== 'charge') {
        throw new Error(`given: usage was not charged but ended as ${done.decision.kind}`);
      }
    }
    return this;
  }

  when(step: Step): Tried {
    this.last = step(this.ledger);
    return new Tried(this, this.last);
  }

  /** What the caller of the last command was told. */
  answered(expected: JsonObject): this {
    const { last } = this;
    expect(last?.kind === 'command' && last.outcome.accepted ? last.outcome.answer : last).toMatchObject(expected);
    return this;
  }

  /** Terms of a lot, as decimal text; those left out are not looked at. */
  lot(name: string, expected: { readonly [K in LotTerm]?: string }): this {
    const lot = lotOf(this.ledger.organization, this.ledger.idOf('lot', name));
    expect(pick(expected, (term) => shown(lot[term]))).toEqual(expected);
    return this;
  }

  /** Balances of a wallet at the present time, as decimal text. */
  balance(expected: { readonly [K in BalanceName]?: string }, key = 'credits'): this {
    const { organization, now } = this.ledger;
    const balances = walletBalances(walletOf(organization, key), organization, now);
    expect(pick(expected, (name) => shown(balances[name]))).toEqual(expected);
    return this;
  }

  hold(name: string, expected: { state?: string; total?: string; captured?: string; overdraft?: string }): this {
    const hold = holdOf(this.ledger.organization, this.ledger.idOf('hold', name));
    const { state, total, captured, overdraft } = hold;
    const figures = { state, total: shown(total), captured: shown(captured), overdraft: shown(overdraft) };
    expect(figures).toMatchObject(expected);
    return this;
  }

  /** The events booked last: what time brought about. */
  booked(...expected: readonly ExpectedEvent[]): this {
    const facts = this.ledger.log.slice(-expected.length);
    const events = facts.flatMap((fact) => (fact.kind === 'event' ? [fact.event] : []));
    expect(this.named(events)).toMatchObject(expected);
    return this;
  }

  /** Events with their lots and holds called by their names. */
  named(events: readonly OwnEvent[]): unknown {
    const { names } = this.ledger;
    const rename = (value: unknown): unknown => {
      if (typeof value === 'string') return names.get(value) ?? value;
      if (Array.isArray(value)) return value.map(rename);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rename(inner)]));
    };
    return rename(events);
  }
}

/** What became of the step of a `when`. */
export class Tried {
  constructor(
    private readonly scenario: Scenario,
    private readonly outcome: StepOutcome,
  ) {}

  /** The command was accepted with exactly these events. */
  then(...expected: readonly ExpectedEvent[]): Scenario {
    const result = this.result();
    if (!result.accepted) throw new Error(`refused: ${result.refusal.code}: ${result.refusal.detail}`);
    expect(this.scenario.named(result.events)).toMatchObject(expected);
    return this.scenario;
  }

  /** The command was refused, and exactly these events say so. */
  thenRefusedOnRecord(code: RefusalCode, ...expected: readonly ExpectedEvent[]): Scenario {
    const result = this.result();
    expect(result).toMatchObject({ accepted: false, refusal: { code } });
    expect(this.scenario.named(result.accepted ? [] : (result.events ?? []))).toMatchObject(expected);
    return this.scenario;
  }

  /** The command, or the usage, was refused. */
  thenRefused(code: RefusalCode, more: { pointer?: string; detail?: string; more?: JsonObject } = {}): Scenario {
    if (this.outcome.kind === 'usage') {
      expect([this.outcome.decision.kind, code]).toEqual(['refuse', 'out_of_credits']);
      return this.scenario;
    }
    const result = this.result();
    expect(result.accepted ? result.events : result.refusal).toMatchObject({ code, ...more });
    return this.scenario;
  }

  thenCharged(expected: ExpectedCharge): Scenario {
    const { outcome } = this;
    if (outcome.kind !== 'usage' || outcome.decision.kind !== 'charge') {
      throw new Error(`not charged: ${outcome.kind === 'usage' ? outcome.decision.kind : outcome.kind}`);
    }
    const { charge } = outcome.decision;
    const { names } = this.scenario.ledger;
    const figures = {
      price: shown(charge.price),
      slices: charge.slices.map((slice) => [names.get(slice.lotId) ?? slice.lotId, shown(slice.amount)]),
      debt: shown(charge.debt),
      uncovered: shown(charge.uncovered),
    };
    expect(figures).toEqual({ ...figures, ...expected });
    return this.scenario;
  }

  thenQuarantined(code: string): Scenario {
    const { outcome } = this;
    expect(outcome.kind === 'usage' ? outcome.decision : outcome).toMatchObject({ kind: 'quarantine', code });
    return this.scenario;
  }

  private result(): CommandOutcome {
    if (this.outcome.kind !== 'command') throw new Error(`no command was run, but ${this.outcome.kind}`);
    return this.outcome.outcome;
  }
}

const pick = <K extends string>(expected: { readonly [key in K]?: string }, read: (key: K) => string): object =>
  Object.fromEntries((Object.keys(expected) as K[]).map((key) => [key, read(key)]));

/** Begins a scenario on a fresh organization of the ordinary test preset. */
export const given = (...steps: readonly Step[]): Scenario => inOrganization().given(...steps);

/** Begins a scenario on an organization of another preset, at another time, or with another card. */
export const inOrganization = (
  settings: { preset?: Preset; now?: TestLedger['now']; card?: CompiledCard | undefined } = {},
): Scenario => new Scenario(new TestLedger(settings));

/** … whose one wallet has a policy that differs in this. */
export const under = (changes: Partial<WalletPolicy>): Scenario =>
  inOrganization({ preset: preset({ wallets: [wallet({ policy: policy(changes) })] }) });
