import type { Instant } from '@drawdown/kernel';
import type { CaptureUsage, ConsumptionCap, Role, Scope, UsageEvent, WalletPolicy } from '../events';
import type { UsageDecision } from '../metering/charge';
import type { OrganizationCommand } from '../wallet/commands';
import { amount, type Duration, instant, later, usage } from './builders';
import type { CommandOutcome, TestLedger } from './test-ledger';

/** What a step came to. */
export type StepOutcome =
  | { readonly kind: 'time' }
  | { readonly kind: 'command'; readonly outcome: CommandOutcome }
  | { readonly kind: 'usage'; readonly decision: UsageDecision };

/** Something that happens to an organization: a command, a usage event, or time passing. */
export type Step = (ledger: TestLedger) => StepOutcome;

/** A command as a step; `name` names the lot, hold or refund it makes. */
export const command =
  (content: OrganizationCommand, name?: string): Step =>
  (ledger) => ({ kind: 'command', outcome: ledger.run(content, name) });

export interface GrantTerms {
  readonly wallet?: string;
  readonly creditType?: string;
  readonly priority?: number;
  readonly effectiveAt?: Instant;
  readonly expiresAt?: Instant;
  readonly scope?: Scope;
  readonly cap?: { readonly amount: string; readonly per: ConsumptionCap['per'] };
  readonly reason?: string;
}

/** Grants credits; the lot is called by its name from then on. */
export const granted = (name: string, credits: string, terms: GrantTerms = {}): Step =>
  command(
    {
      type: 'GrantCredits',
      wallet: terms.wallet ?? 'credits',
      creditType: terms.creditType ?? 'purchased',
      amount: amount(credits),
      priority: terms.priority ?? null,
      effectiveAt: terms.effectiveAt ?? null,
      expiresAt: terms.expiresAt ?? null,
      scope: terms.scope ?? null,
      cap: terms.cap === undefined ? null : { amount: amount(terms.cap.amount), per: terms.cap.per },
      costBasis: null,
      reason: terms.reason ?? 'test',
    },
    name,
  );

/** Reports usage of so many units (credits, by the ordinary test card), now; its id is `id`, else a number of its own. */
export const used =
  (units: string, changes: Partial<UsageEvent> = {}): Step =>
  (ledger) => ({
    kind: 'usage',
    decision: ledger.charge(usage(units, { id: `u${String(ledger.log.length)}`, time: ledger.now, ...changes })),
  });

export const authorizeHold = (
  name: string,
  credits: string,
  { wallet = 'credits', expiresAt = null as Instant | null, serviceType = null as string | null } = {},
): Step =>
  command({ type: 'AuthorizeHold', wallet, amount: amount(credits), expiresAt, serviceType, reference: null }, name);

const forHold =
  (name: string, content: (holdId: string) => OrganizationCommand): Step =>
  (ledger) => ({ kind: 'command', outcome: ledger.run(content(ledger.idOf('hold', name))) });

export const extendHold = (name: string, expiresAt: Instant, credits: string | null = null): Step =>
  forHold(name, (holdId) => ({
    type: 'ExtendHold',
    holdId,
    expiresAt,
    amount: credits === null ? null : amount(credits),
  }));

export const NO_USAGE: CaptureUsage = {
  serviceType: null,
  workspaceId: null,
  userId: null,
  resourceType: null,
  resourceId: null,
  model: null,
  taskId: null,
};

export const captureHold = (
  name: string,
  credits: string,
  { final = true, usage: of = {} as Partial<CaptureUsage> } = {},
): Step =>
  forHold(name, (holdId) => ({
    type: 'CaptureHold',
    holdId,
    amount: amount(credits),
    final,
    usage: { ...NO_USAGE, ...of },
  }));

export const releaseHold = (name: string): Step => forHold(name, (holdId) => ({ type: 'ReleaseHold', holdId }));

export const voidGrant =
  (lot: string, reason = 'test'): Step =>
  (ledger) => ({
    kind: 'command',
    outcome: ledger.run({ type: 'VoidGrant', lotId: ledger.idOf('lot', lot), reason }),
  });

export const adjustBalance = (
  signed: string,
  { name, reason = 'test' }: { name?: string; reason?: string } = {},
): Step => command({ type: 'AdjustBalance', wallet: 'credits', amount: amount(signed), reason }, name);

/** Gives back the charge of a usage event (by the event's id), or a transaction by its own id. */
export const refundCharge = (id: string, credits: string | null = null): Step =>
  command({
    type: 'RefundCharge',
    charge: null,
    transactionId: id.startsWith('txn_') ? id : `txn_of_${id}`,
    amount: credits === null ? null : amount(credits),
    reason: 'test',
  });

export const changePolicy = (changes: Partial<WalletPolicy>, expectedVersion: number | null = null): Step =>
  command({ type: 'ChangeWalletPolicy', wallet: 'credits', changes, expectedVersion });

export const setRole = (userId: string, role: Role, by: Role | null = null): Step =>
  command({ type: 'SetMemberRole', userId, role, by });

export const removeMember = (userId: string, by: Role | null = null): Step =>
  command({ type: 'RemoveMember', userId, by });

export const closeOrganization = (reason = 'test'): Step => command({ type: 'CloseOrganization', reason });

/** The clock moves to an instant, and what is due is booked. */
export const at =
  (time: Instant | string): Step =>
  (ledger) => {
    ledger.advance(instant(time));
    return { kind: 'time' };
  };

export const afterwards =
  (duration: Duration): Step =>
  (ledger) => {
    ledger.advance(later(ledger.now, duration));
    return { kind: 'time' };
  };
