import { recordAccessRefusal } from '../access/record-refusal';
import { type Instant, isInRange, refuse, sum } from '@drawdown/kernel';
import { effectsOf, type OwnEvent } from '../events';
import { lotActivation } from '../wallet/activation';
import { adjustBalance } from '../wallet/adjustment';
import type {
  CommandOf,
  CommandRule,
  CommandType,
  Context,
  DueRule,
  OrganizationCommand,
  Outcome,
} from '../wallet/commands';
import { owedBy } from '../wallet/draw-down';
import { lotExpiry } from '../wallet/expiry';
import { grantCredits } from '../wallet/grant';
import { authorizeHold, captureHold, extendHold, holdExpiry, releaseHold } from '../wallet/hold';
import { changeWalletPolicy } from '../wallet/policy-change';
import { refundCharge } from '../wallet/refund';
import { type Organization, walletOf } from '../wallet/state';
import { voidGrant } from '../wallet/void';
import { closeOrganization } from './close';
import { createOrganization } from './create';
import { removeMember, setMemberRole } from './members';
import { assignRateCard } from './rate-card-assignment';

/** Every rule that a command sets off. A new one is a file beside the others and a line here. */
const COMMAND_RULES: { readonly [T in CommandType]: CommandRule<T> } = {
  CreateOrganization: createOrganization,
  GrantCredits: grantCredits,
  VoidGrant: voidGrant,
  AdjustBalance: adjustBalance,
  ChangeWalletPolicy: changeWalletPolicy,
  AuthorizeHold: authorizeHold,
  ExtendHold: extendHold,
  CaptureHold: captureHold,
  ReleaseHold: releaseHold,
  RefundCharge: refundCharge,
  AssignRateCard: assignRateCard,
  SetMemberRole: setMemberRole,
  RemoveMember: removeMember,
  CloseOrganization: closeOrganization,
  RecordAccessRefusal: recordAccessRefusal,
};

/** Every rule that time sets off. Where several are due at one instant, the first here comes first. */
const DUE_RULES: readonly DueRule[] = [holdExpiry, lotActivation, lotExpiry];

const ruleOf = <T extends CommandType>(command: CommandOf<T>): CommandRule<T> => COMMAND_RULES[command.type as T];

/** Decides a command on an organization; after its closure everything is refused (INV-LOT-14). */
export const decide = (organization: Organization, command: OrganizationCommand, context: Context): Outcome => {
  if (organization.status === 'closed') {
    return refuse({
      code: 'organization_closed',
      detail: 'the organization is closed; its ledger only answers audits',
    });
  }
  const outcome = ruleOf(command).decide(organization, command, context);
  return outcome.accepted && outcome.events.some((event) => leavesRange(organization, event))
    ? refuse({ code: 'amount_out_of_range', detail: 'the balance, or the debt, would leave the range of amounts' })
    : outcome;
};

/**
 * What is stored must be readable again: no balance, nothing held and nothing owed beyond what an amount may be, nor what
 * is available then, which refusals record (INV-AMT-3).
 */
const leavesRange = (organization: Organization, event: OwnEvent): boolean => {
  const { bookings, debt } = effectsOf(event);
  return (
    bookings.some((booking) => [booking.credited, booking.debited, booking.balanceAfter].some((n) => !isInRange(n))) ||
    (debt !== null && !isInRange(owedBy(walletOf(organization, debt.wallet)) + debt.change)) ||
    holdsTooMuch(organization, event)
  );
};

const holdsTooMuch = (organization: Organization, event: OwnEvent): boolean => {
  if (event.type !== 'HoldAuthorized' && event.type !== 'HoldExtended') return false;
  const { slices, overdraft } = event.data;
  const wallet = walletOf(organization, event.data.wallet);
  const amount = sum(slices.map((slice) => slice.amount)) + overdraft;
  return !isInRange(wallet.held + amount) || !isInRange(owedBy(wallet) + overdraft);
};

/** What the caller is told, once the command's events are part of the state. */
export const answer = (
  organization: Organization,
  command: OrganizationCommand,
  events: readonly OwnEvent[],
  context: Context,
): ReturnType<CommandRule<CommandType>['answer']> => ruleOf(command).answer(organization, command, events, context);

/** When something next becomes due for this organization by time alone; null where nothing is pending. */
export const nextDue = (organization: Organization): Instant | null => {
  if (organization.status === 'closed' || organization.frozen) return null;
  let first: Instant | null = null;
  for (const rule of DUE_RULES) {
    const due = rule.dueAt(organization);
    if (due !== null && (first === null || due < first)) first = due;
  }
  return first;
};

/**
 * The facts of the next due instant at or before `now`, booked at `now`; none where nothing is due. Call it again
 * after they are part of the state, until it gives none: then everything due is settled, in the order of the
 * instants at which it was due (INV-TIM-6).
 */
export const settleNext = (organization: Organization, now: Instant): readonly OwnEvent[] => {
  const due = nextDue(organization);
  if (due === null || due > now) return [];
  for (const rule of DUE_RULES) {
    const own = rule.dueAt(organization);
    if (own === null || own > due) continue;
    const events = rule.settle(organization, due, now);
    if (events.length > 0) return events;
  }
  throw new Error(`${organization.id}: something is due at ${due}, but no rule settles it`);
};
