import {
  type Booking,
  bookingViolations,
  changedBy,
  type Charge,
  exhaustedViolations,
  type Organization,
  type OwnEvent,
  violations,
  violationsBy,
  type Wallet,
  walletNamed,
} from '@drawdown/domain';
import type { Resident } from './fold';

/** The books of an organization do not add up after a decision: the decision must not be stored. */
export class InvariantViolated extends Error {
  readonly code = 'invariant_violated';
  /** The invariant's id, for a metric's label. */
  readonly invariant: string;
  constructor(
    readonly organizationId: string,
    readonly violations: readonly string[],
    options?: ErrorOptions,
  ) {
    super(`${organizationId}: ${violations.join('; ')}`, options);
    this.invariant = /INV-[A-Z]+-\d+/.exec(violations[0] ?? '')?.[0] ?? 'unknown';
  }
}

/** Live lots up to which a wallet is checked after each charge, not once a turn. */
const FEW_LOTS = 8;

/** What was changed of an organization: only this wallet, by charges, or these lots and holds, by events of its own. */
type Changes = string | { readonly lots: Set<string>; readonly holds: Set<string> };

/**
 * What a turn has moved, to be checked before any of it is stored: of an organization that only charges touched the
 * wallet that they were drawn from, else all that is alive of it, and what its events have ended.
 */
export class Touched {
  private readonly organizations = new Map<Organization, Changes>();

  /** An event of its own was put into the state. */
  booked(organization: Organization, event: OwnEvent): void {
    const changes = this.ownChanges(organization);
    const { lots, hold } = changedBy(event);
    for (const lot of lots) changes.lots.add(lot);
    if (hold !== null) changes.holds.add(hold);
  }

  private ownChanges(organization: Organization): Exclude<Changes, string> {
    const before = this.organizations.get(organization);
    if (before !== undefined && typeof before !== 'string') return before;
    const changes = { lots: new Set<string>(), holds: new Set<string>() };
    this.organizations.set(organization, changes);
    return changes;
  }

  /**
   * A charge moved this wallet. With few lots it is checked now, while it is at hand: coming back to it costs more than
   * checking it again after the next charge.
   */
  charged(organization: Organization, key: string): void {
    const wallet = walletOf(organization, key);
    if (wallet.live.length > FEW_LOTS) this.wallet(organization, key);
    else refuse(organization, violations(organization, wallet));
  }

  /** A charge moved this wallet; it is checked once, with the others. */
  wallet(organization: Organization, key: string): void {
    const before = this.organizations.get(organization);
    if (before === undefined) this.organizations.set(organization, key);
    else if (before !== key) this.ownChanges(organization);
  }

  /** Throws {@link InvariantViolated} where the books of an organization do not add up. */
  check(): void {
    for (const [organization, changes] of this.organizations) {
      refuse(
        organization,
        typeof changes === 'string'
          ? violations(organization, walletOf(organization, changes))
          : violationsBy(organization, changes),
      );
    }
  }
}

const refuse = (organization: Organization, found: readonly string[]): void => {
  if (found.length > 0) throw new InvariantViolated(organization.id, found);
};

const walletOf = (organization: Organization, key: string): Wallet => {
  const wallet = walletNamed(organization, key);
  if (wallet === undefined) throw new InvariantViolated(organization.id, [`INV-LED-1: there is no wallet ${key}`]);
  return wallet;
};

/** A booking follows on the wallet's last: its number and its balances (INV-LED-1). */
export const checkBefore = (resident: Resident | undefined, booking: Booking): void => {
  if (resident === undefined) return;
  const { organization } = resident;
  const found = bookingViolations(walletOf(organization, booking.wallet), booking);
  if (found.length > 0) throw new InvariantViolated(organization.id, found);
};

/** What was booked left the balance that it says (INV-LED-1). */
export const checkAfter = (
  resident: Resident | undefined,
  { wallet, balanceAfter }: { readonly wallet: string; readonly balanceAfter: bigint },
): void => {
  if (resident === undefined || walletOf(resident.organization, wallet).settled === balanceAfter) return;
  throw new InvariantViolated(resident.organization.id, [`INV-LED-1: ${wallet}: the balance is not balance_after`]);
};

/** As {@link checkAfter}, with the lots that the charge has used up (INV-LOT-1). */
export const checkCharged = (resident: Resident, charge: Charge): void => {
  checkAfter(resident, charge);
  const found = exhaustedViolations(resident.organization, charge);
  if (found.length > 0) throw new InvariantViolated(resident.organization.id, found);
};
