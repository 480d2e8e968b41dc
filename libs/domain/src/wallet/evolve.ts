import { type Credits, credits, type Instant, NO_CREDITS, plus, unreachable } from '@drawdown/kernel';
import {
  capWindowOf,
  type Charge,
  effectsOf,
  stillUsedUp,
  type LotMove,
  type LotTerms,
  type NewWallet,
  type OwnEvent,
} from '../events';
import { drawOrder, insertInOrder } from './draw-order';
import { applyHold, markLapsed } from './evolve-hold';
import {
  drawnLot,
  type Lot,
  lotOf,
  NONE,
  NOTHING,
  type Organization,
  ownMap,
  refundedKey,
  type Wallet,
  walletOf,
} from './state';
import { addLiveLot, orderAnew, removeLiveLot, removeWaiting } from './timetable';

/** The state that an `OrganizationCreated` begins. */
export const createdOrganization = (
  id: string,
  event: Extract<OwnEvent, { type: 'OrganizationCreated' }>,
  at: Instant,
): Organization => {
  return {
    // First what every charge looks at, as in a lot.
    id,
    createdAt: at,
    wallets: event.data.wallets.map(emptyWallet),
    lastBookedAt: at,
    modelTiers: event.data.modelTiers,
    testClock: event.data.testClock,
    status: 'active',
    frozen: false,
    rateCard: null,
    name: event.data.name,
    preset: event.data.preset,
    presetVersion: event.data.presetVersion,
    plan: event.data.plan,
    lots: new Map(),
    holds: NONE,
    openHolds: NONE,
    members: NONE,
    refunded: NONE,
    endingHolds: NOTHING,
    waitingLots: NOTHING,
    expiringLots: NOTHING,
  };
};

const emptyWallet = (wallet: NewWallet): Wallet => ({
  // First what every charge looks at, as in a lot.
  key: wallet.key,
  serviceTypes: wallet.serviceTypes,
  unit: wallet.unit,
  settled: NO_CREDITS,
  debt: NO_CREDITS,
  live: [],
  usedUp: [],
  policy: wallet.policy,
  policyVersion: 1,
  sequence: 0,
  lifetimeSpent: NO_CREDITS,
  held: NO_CREDITS,
  overdrafts: NO_CREDITS,
  grants: 0,
  lifetimeAdded: NO_CREDITS,
  lifetimePurchased: NO_CREDITS,
  debtPayments: [],
});

/** Puts a fact into the state, in place. Never refuses, reads no clock; what cannot be is a bug, so it throws. */
export const evolve = (organization: Organization, event: OwnEvent, at: Instant): void => {
  organization.lastBookedAt = at;
  if (event.type === 'CreditsGranted') addLot(organization, event.data.lot, at);
  const effects = effectsOf(event);
  for (const move of effects.moves) applyMove(organization, move, move.drawnAt ?? effects.drawnAt ?? at);
  if (effects.debt !== null) applyDebt(organization, effects.debt.wallet, effects.debt.change);
  for (const { lotId, expiresAt } of effects.extended) {
    markLapsed(organization, lotId);
    extendLot(organization, lotId, expiresAt);
  }
  for (const booking of effects.bookings) {
    const wallet = walletOf(organization, booking.wallet);
    wallet.sequence = booking.sequence;
    if (booking.kind === 'consumption') wallet.lifetimeSpent = plus(wallet.lifetimeSpent, booking.debited);
  }
  applyOwn(organization, event);
};

/** What is particular to an event beside the amounts it moves. */
const applyOwn = (organization: Organization, event: OwnEvent): void => {
  switch (event.type) {
    case 'OrganizationCreated':
    case 'CommandAnswered':
    case 'AccessRefused':
    case 'HoldRefused':
    case 'CaptureRefused':
    case 'LotExpired':
    case 'GrantVoided':
    case 'BalanceReduced':
      return;
    case 'MemberRoleSet':
      organization.members = ownMap(organization.members).set(event.data.userId, event.data.role);
      return;
    case 'MemberRemoved':
      ownMap(organization.members).delete(event.data.userId);
      return;
    case 'RateCardAssigned':
      organization.rateCard = event.data.rateCard;
      return;
    case 'WalletPolicyChanged': {
      const wallet = walletOf(organization, event.data.wallet);
      wallet.policy = event.data.policy;
      wallet.policyVersion = event.data.version;
      wallet.live.sort(drawOrder(wallet.policy.drawOrder));
      orderAnew(organization);
      return;
    }
    case 'CreditsGranted': {
      const { lot, debtPaid } = event.data;
      const { debtPayments } = walletOf(organization, lot.wallet);
      if (debtPaid > 0n) debtPayments.push({ lotId: lot.lotId, amount: debtPaid, paidAt: organization.lastBookedAt });
      return;
    }
    case 'LotActivated': {
      const { wallet, lotId, debtPaid, effectiveAt } = event.data;
      activate(organization, lotOf(organization, lotId));
      const { debtPayments } = walletOf(organization, wallet);
      if (debtPaid > 0n) debtPayments.push({ lotId, amount: debtPaid, paidAt: effectiveAt });
      return;
    }
    case 'DebtPaid': {
      const { wallet, slices, effectiveAt } = event.data;
      const { debtPayments } = walletOf(organization, wallet);
      for (const slice of slices) debtPayments.push({ ...slice, paidAt: effectiveAt });
      return;
    }
    case 'HeldRestVoided':
      lotOf(organization, event.data.lotId).restVoided = true;
      return;
    case 'HoldAuthorized':
    case 'HoldExtended':
    case 'HoldCaptured':
    case 'HeldCreditsEnded':
    case 'HoldReleased':
    case 'HoldExpired':
      applyHold(organization, event);
      return;
    case 'ChargeRefunded': {
      const { chargeId, amount, wallet, debtRepaid, drawnAt } = event.data;
      const charge = refundedKey(chargeId, drawnAt);
      const refunded = plus(organization.refunded.get(charge) ?? NO_CREDITS, amount);
      organization.refunded = ownMap(organization.refunded).set(charge, refunded);
      takeBackDebtPayments(walletOf(organization, wallet), debtRepaid);
      return;
    }
    case 'OrganizationClosed':
      organization.status = 'closed';
      return;
    case 'OrganizationFrozen':
      organization.frozen = true;
      return;
    default:
      unreachable(event);
  }
};

/** A refund of debt that had been paid since goes back to the lots that paid it; they paid that much less debt then. */
const takeBackDebtPayments = (
  wallet: Wallet,
  repaid: readonly { readonly lotId: string; readonly amount: Credits }[],
): void => {
  for (const { lotId, amount } of repaid) {
    let left: bigint = amount;
    for (let i = wallet.debtPayments.length - 1; i >= 0 && left > 0n; i--) {
      const payment = wallet.debtPayments[i];
      if (payment?.lotId !== lotId) continue;
      const part = payment.amount < left ? payment.amount : left;
      payment.amount = credits(payment.amount - part);
      left -= part;
    }
  }
  wallet.debtPayments = wallet.debtPayments.filter((payment) => payment.amount > 0n);
};

const addLot = (organization: Organization, terms: LotTerms, at: Instant): void => {
  const wallet = walletOf(organization, terms.wallet);
  if (organization.lots.has(terms.lotId)) throw new Error(`${organization.id} has a lot ${terms.lotId} already`);
  // What every charge looks at comes first: with many organizations a debit costs the cache lines that it touches.
  const lot: Lot = {
    id: terms.lotId,
    remaining: terms.amount,
    held: NO_CREDITS,
    consumed: NO_CREDITS,
    activated: terms.effectiveAt <= at,
    expiresAt: terms.expiresAt,
    scope: terms.scope,
    cap: terms.cap,
    effectiveAt: terms.effectiveAt,
    capWindow: '',
    capUsed: NO_CREDITS,
    wallet: terms.wallet,
    creditType: terms.creditType,
    amount: terms.amount,
    priority: terms.priority,
    costBasis: terms.costBasis,
    funding: terms.funding,
    sequence: terms.sequence,
    returned: NO_CREDITS,
    expired: NO_CREDITS,
    voided: NO_CREDITS,
    forfeited: NO_CREDITS,
    restVoided: false,
  };
  organization.lots.set(lot.id, lot);
  enterLive(organization, wallet, lot);
  if (lot.activated) replaceUsedUp(wallet, lot);
  wallet.grants = terms.sequence;
  wallet.settled = plus(wallet.settled, terms.amount);
  wallet.lifetimeAdded = plus(wallet.lifetimeAdded, terms.amount);
  if (terms.funding === 'payment') wallet.lifetimePurchased = plus(wallet.lifetimePurchased, terms.amount);
};

/** `drawnAt`: when that was drawn which the move draws, or gives back. */
const applyMove = (organization: Organization, { lotId, move, amount }: LotMove, drawnAt: Instant): void => {
  const lot = lotOf(organization, lotId);
  const wallet = walletOf(organization, lot.wallet);
  switch (move) {
    case 'consume':
      consume(organization, wallet, lot, amount, drawnAt);
      return;
    case 'return':
      lot.returned = plus(lot.returned, amount);
      if (lot.remaining === NO_CREDITS && amount > 0n) {
        wallet.usedUp = wallet.usedUp.filter((other) => other !== lot);
        enterLive(organization, wallet, lot);
      }
      lot.remaining = plus(lot.remaining, amount);
      wallet.settled = plus(wallet.settled, amount);
      giveCapBack(lot, amount, drawnAt);
      return;
    case 'forfeit_return':
      lot.returned = plus(lot.returned, amount);
      lot.forfeited = plus(lot.forfeited, amount);
      return;
    case 'expire':
      lot.expired = plus(lot.expired, amount);
      takeAway(organization, wallet, lot, amount);
      return;
    case 'void':
      lot.voided = plus(lot.voided, amount);
      takeAway(organization, wallet, lot, amount);
      return;
    case 'forfeit':
      lot.forfeited = plus(lot.forfeited, amount);
      takeAway(organization, wallet, lot, amount);
      return;
    case 'hold':
      lot.held = plus(lot.held, amount);
      wallet.held = plus(wallet.held, amount);
      return;
    case 'release':
      lot.held = credits(lot.held - amount);
      wallet.held = credits(wallet.held - amount);
      return;
    default:
      unreachable(move);
  }
};

const consume = (organization: Organization, wallet: Wallet, lot: Lot, amount: Credits, at: Instant): void => {
  lot.consumed = plus(lot.consumed, amount);
  if (lot.cap !== null) {
    const window = capWindowOf(lot.cap, at);
    lot.capUsed = lot.capWindow === window ? plus(lot.capUsed, amount) : amount;
    lot.capWindow = window;
  }
  takeAway(organization, wallet, lot, amount);
};

/** A refund gives its cap back in the window in which it was drawn; a past window no longer counts (INV-LOT-5). */
const giveCapBack = (lot: Lot, amount: Credits, drawnAt: Instant): void => {
  if (lot.cap === null || lot.capWindow !== capWindowOf(lot.cap, drawnAt)) return;
  lot.capUsed = lot.capUsed > amount ? credits(lot.capUsed - amount) : NO_CREDITS;
};

const takeAway = (organization: Organization, wallet: Wallet, lot: Lot, amount: Credits): void => {
  lot.remaining = credits(lot.remaining - amount);
  wallet.settled = credits(wallet.settled - amount);
  if (lot.remaining !== NO_CREDITS || amount <= 0n) return;
  wallet.live.splice(wallet.live.indexOf(lot), 1);
  wallet.usedUp.push(lot);
  removeLiveLot(organization, lot);
};

/** A lot begins: those of its type that are used up are no longer part of what the wallet has been given. */
const replaceUsedUp = (wallet: Wallet, lot: Lot): void => {
  if (wallet.usedUp.length > 0) wallet.usedUp = stillUsedUp(wallet.usedUp, lot);
};

/** A lot has something left: it can be drawn from, and time can act on it. */
const enterLive = (organization: Organization, wallet: Wallet, lot: Lot): void => {
  insertInOrder(wallet.live, lot, wallet.policy.drawOrder);
  addLiveLot(organization, lot);
};

const activate = (organization: Organization, lot: Lot): void => {
  if (lot.remaining !== NO_CREDITS) removeWaiting(organization, lot);
  lot.activated = true;
  replaceUsedUp(walletOf(organization, lot.wallet), lot);
};

const applyDebt = (organization: Organization, key: string, change: Credits): void => {
  const wallet = walletOf(organization, key);
  wallet.debt = plus(wallet.debt, change);
  wallet.settled = credits(wallet.settled - change);
};

const extendLot = (organization: Organization, lotId: string, expiresAt: Instant): void => {
  const lot = lotOf(organization, lotId);
  const wallet = walletOf(organization, lot.wallet);
  // Its place in the draw order depends on the expiry.
  const place = wallet.live.indexOf(lot);
  if (place >= 0) {
    wallet.live.splice(place, 1);
    removeLiveLot(organization, lot);
  }
  lot.expiresAt = expiresAt;
  if (lot.remaining > 0n) enterLive(organization, wallet, lot);
};

/** Puts one charge into the state; the same as any other event, without the detour over effects: it is the hot path. */
export const evolveCharge = (organization: Organization, charge: Charge, at: Instant): void => {
  const wallet = walletOf(organization, charge.wallet);
  for (const { lotId, amount } of charge.slices) {
    consume(organization, wallet, drawnLot(organization, wallet, lotId), amount, at);
  }
  if (charge.debt !== NO_CREDITS) {
    wallet.debt = plus(wallet.debt, charge.debt);
    wallet.settled = credits(wallet.settled - charge.debt);
  }
  wallet.sequence = charge.sequence;
  const { price, uncovered } = charge;
  wallet.lifetimeSpent = plus(wallet.lifetimeSpent, uncovered === NO_CREDITS ? price : credits(price - uncovered));
  organization.lastBookedAt = at;
};
