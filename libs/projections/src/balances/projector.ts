import { PROMPT } from '@drawdown/delivery';
import { type DrawVisitor, effectsOf, type OwnEvent, walkDraws } from '@drawdown/domain/events';
import { type Instant, unreachable } from '@drawdown/kernel';
import { TEXT } from '@drawdown/ports';
import { type LedgerProjector, type LedgerRecord, ownerOf } from '../ledger-record';
import {
  type BalanceDeltas,
  consumeFrom,
  dayOf,
  holdIn,
  type LotDelta,
  lotIn,
  moveLot,
  organizationIn,
  type OrganizationDeltas,
  type WalletDelta,
  walletIn,
} from './deltas';
import { saveBalances } from './save';

const tables = (suffix: string): readonly string[] => [
  `CREATE TABLE organizations${suffix} (
     organization_id ${TEXT} PRIMARY KEY, shard integer NOT NULL, name ${TEXT} NOT NULL, preset ${TEXT} NOT NULL,
     preset_version integer NOT NULL, plan ${TEXT} NOT NULL, status ${TEXT} NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
     test_clock ${TEXT}, model_tiers json NOT NULL, rate_card ${TEXT}, created_at timestamptz NOT NULL)`,
  `CREATE TABLE members${suffix} (
     organization_id ${TEXT} NOT NULL, user_id ${TEXT} NOT NULL, role ${TEXT} NOT NULL, PRIMARY KEY (organization_id, user_id))`,
  `CREATE INDEX ON members${suffix} (user_id)`,
  // A batch updates each row once and no indexed column, in the free half of its page: no index entry is written.
  `CREATE TABLE wallets${suffix} (
     organization_id ${TEXT} NOT NULL, wallet ${TEXT} NOT NULL, place integer NOT NULL, unit ${TEXT} NOT NULL,
     service_types json NOT NULL,
     settled numeric NOT NULL, held numeric NOT NULL CHECK (held >= 0), debt numeric NOT NULL CHECK (debt >= 0),
     lifetime_added numeric NOT NULL, lifetime_purchased numeric NOT NULL, lifetime_spent numeric NOT NULL,
     sequence bigint NOT NULL, policy_version integer NOT NULL, policy json NOT NULL,
     PRIMARY KEY (organization_id, wallet)) WITH (fillfactor = 50)`,
  `CREATE TABLE lots${suffix} (
     organization_id ${TEXT} NOT NULL, lot_id ${TEXT} NOT NULL, wallet ${TEXT} NOT NULL, sequence bigint NOT NULL,
     credit_type ${TEXT} NOT NULL, priority integer NOT NULL, effective_at timestamptz NOT NULL, activated boolean NOT NULL,
     expires_at timestamptz, scope json, cap_amount numeric, cap_per ${TEXT}, cost_basis json, funding ${TEXT} NOT NULL,
     amount numeric NOT NULL CHECK (amount >= 0), returned numeric NOT NULL CHECK (returned >= 0),
     remaining numeric NOT NULL CHECK (remaining >= 0), held numeric NOT NULL CHECK (held >= 0),
     consumed numeric NOT NULL CHECK (consumed >= 0), expired numeric NOT NULL CHECK (expired >= 0),
     voided numeric NOT NULL CHECK (voided >= 0), forfeited numeric NOT NULL CHECK (forfeited >= 0),
     rest_voided boolean NOT NULL DEFAULT false,
     replaced boolean NOT NULL DEFAULT false,
     shown boolean NOT NULL GENERATED ALWAYS AS (remaining > 0 OR NOT replaced) STORED,
     PRIMARY KEY (organization_id, lot_id),
     CONSTRAINT lot_terms CHECK (amount + returned = remaining + consumed + expired + voided + forfeited),
     CONSTRAINT lot_held CHECK (held <= remaining)) WITH (fillfactor = 50)`,
  `CREATE UNIQUE INDEX ON lots${suffix} (organization_id, wallet, sequence)`,
  // On a column that changes when the next lot begins: one on "remaining > 0" would make each charge write the index.
  `CREATE INDEX ON lots${suffix} (organization_id, wallet) WHERE shown`,
  `CREATE TABLE lot_caps${suffix} (
     organization_id ${TEXT} NOT NULL, lot_id ${TEXT} NOT NULL, cap_window ${TEXT} NOT NULL, used numeric NOT NULL,
     PRIMARY KEY (organization_id, lot_id, cap_window))`,
  `CREATE TABLE holds${suffix} (
     organization_id ${TEXT} NOT NULL, hold_id ${TEXT} NOT NULL, wallet ${TEXT} NOT NULL, revision bigint NOT NULL,
     total numeric NOT NULL CHECK (total >= 0), captured numeric NOT NULL CHECK (captured >= 0),
     held numeric NOT NULL CHECK (held >= 0), overdraft numeric NOT NULL CHECK (overdraft >= 0),
     state ${TEXT} NOT NULL CHECK (state IN ('open', 'captured', 'released', 'expired')), expires_at timestamptz NOT NULL,
     service_type ${TEXT}, reference ${TEXT},
     PRIMARY KEY (organization_id, hold_id),
     CONSTRAINT hold_ended CHECK (state = 'open' OR held + overdraft = 0)) WITH (fillfactor = 70)`,
  `CREATE UNIQUE INDEX ON holds${suffix} (organization_id, revision)`,
  // What is asked for with every access decision; the holds that have ended are all that there ever were.
  `CREATE INDEX ON holds${suffix} (organization_id, revision) WHERE state = 'open'`,
];

/**
 * `balances`: organizations, members, wallets, lots and holds as they are after the last event. A lot counts until its
 * expiry is booked; the queries leave out what is due (INV-TIM-3).
 */
export const balances: LedgerProjector<BalanceDeltas> = {
  name: 'balances',
  version: 9,
  freshness: PROMPT,
  tableNames: ['organizations', 'members', 'wallets', 'lots', 'lot_caps', 'holds'],
  tables,
  begin: () => ({ organizations: new Map(), shard: 0 }),
  apply: (deltas, record) => {
    const { event, bookedAt } = record;
    deltas.shard = record.shard;
    switch (event.type) {
      case 'UsageCharged':
        walkDraws(event.data, spendingIn(deltas, bookedAt));
        return;
      case 'UsageQuarantined':
      case 'UsageRefused':
      case 'UsageConflicted':
        return;
      default: {
        const organization = organizationIn(deltas, ownerOf(record));
        applyOwn(organization, event, record);
        applyEffects(organization, event, bookedAt);
      }
    }
  },
  save: saveBalances,
};

const spendingIn = (deltas: BalanceDeltas, bookedAt: Instant): DrawVisitor<WalletDelta, LotDelta> => {
  const day = dayOf(bookedAt);
  return {
    wallet: (organizationId, key) => walletIn(organizationIn(deltas, organizationId), key),
    lot: ({ of }, lotId) => lotIn(of, lotId),
    charged: (wallet, sequence, debited, debt) => {
      if (debt !== 0n) wallet.debt += debt;
      wallet.spent += debited;
      wallet.sequence = sequence;
    },
    drawn: (lot, amount) => {
      consumeFrom(lot, amount, day);
    },
  };
};

const applyEffects = (organization: OrganizationDeltas, event: OwnEvent, bookedAt: Instant): void => {
  const { moves, drawnAt, debt, bookings, extended } = effectsOf(event);
  for (const { lotId, move, amount, drawnAt: own } of moves) {
    moveLot(lotIn(organization, lotId), move, amount, own ?? drawnAt ?? bookedAt);
  }
  for (const { lotId, expiresAt } of extended) lotIn(organization, lotId).expiresAt = expiresAt;
  if (debt !== null) walletIn(organization, debt.wallet).debt += debt.change;
  for (const booking of bookings) {
    const wallet = walletIn(organization, booking.wallet);
    wallet.settled += booking.credited;
    if (booking.kind === 'consumption') wallet.spent += booking.debited;
    else wallet.settled -= booking.debited;
    wallet.sequence = booking.sequence;
  }
};

/** What is particular to an event beside the amounts it moves. */
const applyOwn = (organization: OrganizationDeltas, event: OwnEvent, { bookedAt, revision }: LedgerRecord): void => {
  switch (event.type) {
    case 'OrganizationCreated':
      organization.created = { ...event.data, createdAt: bookedAt };
      return;
    case 'MemberRoleSet':
      organization.members.set(event.data.userId, event.data.role);
      return;
    case 'MemberRemoved':
      organization.members.set(event.data.userId, null);
      return;
    case 'RateCardAssigned':
      organization.rateCard = event.data.rateCard;
      return;
    case 'WalletPolicyChanged':
      walletIn(organization, event.data.wallet).policy = event.data;
      return;
    case 'CreditsGranted': {
      const { lot } = event.data;
      const wallet = walletIn(organization, lot.wallet);
      const activated = lot.effectiveAt <= bookedAt;
      organization.newLots.push({ ...lot, activated });
      if (activated) organization.begun.push(lot.lotId);
      wallet.added += lot.amount;
      if (lot.funding === 'payment') wallet.purchased += lot.amount;
      return;
    }
    case 'LotActivated':
      lotIn(organization, event.data.lotId).activated = true;
      organization.begun.push(event.data.lotId);
      return;
    case 'HoldAuthorized':
      organization.newHolds.push({ ...event.data, revision });
      setAside(organization, event);
      return;
    case 'HoldExtended':
      setAside(organization, event);
      holdIn(organization, event.data.holdId).expiresAt = event.data.expiresAt;
      return;
    case 'HoldCaptured': {
      const { holdId, wallet, moves, overdraftReleased, booking, final } = event.data;
      const hold = holdIn(organization, holdId);
      let released = 0n;
      for (const { move, amount } of moves) if (move === 'release') released += amount;
      hold.held -= released;
      hold.overdraft -= overdraftReleased;
      hold.captured += booking.debited;
      if (final) hold.state = 'captured';
      walletIn(organization, wallet).held -= released + overdraftReleased;
      return;
    }
    case 'HeldCreditsEnded': {
      const { holdId, wallet, booking } = event.data;
      holdIn(organization, holdId).held -= booking.debited;
      walletIn(organization, wallet).held -= booking.debited;
      return;
    }
    case 'HoldReleased':
    case 'HoldExpired': {
      const { holdId, wallet, slices, overdraft } = event.data;
      const hold = holdIn(organization, holdId);
      const released = slices.reduce((total, { amount }) => total + amount, 0n);
      hold.held -= released;
      hold.overdraft -= overdraft;
      hold.state = event.type === 'HoldReleased' ? 'released' : 'expired';
      walletIn(organization, wallet).held -= released + overdraft;
      return;
    }
    case 'OrganizationClosed':
      organization.status = 'closed';
      return;
    case 'OrganizationFrozen':
      organization.status ??= 'suspended';
      return;
    case 'HeldRestVoided':
      lotIn(organization, event.data.lotId).restVoided = true;
      return;
    case 'DebtPaid':
    case 'LotExpired':
    case 'GrantVoided':
    case 'BalanceReduced':
    case 'ChargeRefunded':
    case 'CommandAnswered':
    case 'AccessRefused':
    case 'HoldRefused':
    case 'CaptureRefused':
      return;
    default:
      unreachable(event);
  }
};

type Aside = Extract<OwnEvent, { type: 'HoldAuthorized' | 'HoldExtended' }>;

const setAside = (organization: OrganizationDeltas, { data: { holdId, wallet, slices, overdraft } }: Aside): void => {
  const hold = holdIn(organization, holdId);
  const held = slices.reduce((total, { amount }) => total + amount, 0n);
  hold.total += held + overdraft;
  hold.held += held;
  hold.overdraft += overdraft;
  walletIn(organization, wallet).held += held + overdraft;
};
