import {
  accept,
  type Credits,
  credits,
  derivedId,
  derivedTransactionId,
  format,
  type Instant,
  NO_CREDITS,
  refuse,
  refuseOnRecord,
  shift,
  smaller,
  sum,
} from '@drawdown/kernel';
import { type CaptureUsage, holdDocument, type LotMove, movesOf, type OwnEvent, type Slice } from '../events';
import { book } from './booking';
import type { CommandRule, DueRule, Outcome, Refusal } from './commands';
import { debtPaidByFreed, stillGood } from './debt-payment';
import { ANY_CHARGE, availableTo, type ChargeScope, drawDown } from './draw-down';
import { endedIn } from './held-ended';
import { heldLotsRefusal, holdRefusal } from './limits';
import { alreadyOver, notFound } from './refusals';
import { less, merged, upTo } from './slices';
import { type Hold, holdOf, type Organization, type Wallet, walletNamed, walletOf } from './state';

const scopeOf = (organization: Organization, serviceType: string | null): ChargeScope => ({
  ...ANY_CHARGE,
  serviceType,
  modelTiers: organization.modelTiers,
});

/** What is set aside for `amount`: lots in draw order, the rest against the overdraft limit; or what there is where that is too little (INV-HLD-2). */
const setAside = (
  wallet: Wallet,
  amount: Credits,
  charge: ChargeScope,
  now: Instant,
): { slices: Slice[]; overdraft: Credits } | { available: Credits } => {
  const available = availableTo(wallet, charge, now);
  const allowed = credits(available + wallet.policy.overdraftLimit);
  if (amount > allowed) return { available };
  // What open holds may overdraw already counts against the lots that are still free.
  const slices = drawDown(wallet, amount, charge, now);
  return { slices, overdraft: credits(amount - sum(slices.map((slice) => slice.amount))) };
};

/** The refusal of a hold for want of credits, on record with what it was decided on (INV-AUD-6). */
const refuseHold = (wallet: Wallet, required: Credits, available: Credits, about: AboutHold): Outcome => {
  const figures = { required: format(required), available: format(available) };
  const detail = `${figures.required} ${wallet.unit} are required, ${figures.available} are available; top up or hold less`;
  const code = 'out_of_credits';
  const { key, policyVersion } = wallet;
  return refuseOnRecord<OwnEvent, Refusal>(
    { code, detail, more: figures },
    { type: 'HoldRefused', data: { ...about, wallet: key, code, required, available, policyVersion } },
  );
};

type AboutHold = Pick<Extract<OwnEvent, { type: 'HoldRefused' }>['data'], 'holdId' | 'serviceType' | 'reference'>;

const latestEnd = (wallet: Wallet, now: Instant): Instant =>
  shift(now, BigInt(wallet.policy.maxHoldSeconds) * 1_000_000n);

const refusedEnd = (wallet: Wallet, expiresAt: Instant, now: Instant): Refusal | null => {
  if (expiresAt <= latestEnd(wallet, now)) return null;
  const detail = `expires_at must lie within ${String(wallet.policy.maxHoldSeconds)} s from now`;
  return { code: 'invalid_interval', pointer: '/expires_at', detail };
};

/** Sets credits aside, so that they can be neither drawn nor held by another until they are captured or given free. */
export const authorizeHold: CommandRule<'AuthorizeHold'> = {
  decide: (organization, command, { now, commandId }) => {
    const over = alreadyOver(command.expiresAt, now);
    if (over !== null) return over;
    const wallet = walletNamed(organization, command.wallet);
    if (wallet === undefined) return notFound('wallet');
    if (command.amount <= 0n) {
      return refuse({ code: 'amount_out_of_range', pointer: '/amount', detail: 'a hold is for more than 0 credits' });
    }
    const expiresAt = command.expiresAt ?? latestEnd(wallet, now);
    const badEnd = refusedEnd(wallet, expiresAt, now);
    if (badEnd !== null) return refuse(badEnd);
    const tooMany = holdRefusal(organization);
    if (tooMany !== null) return tooMany;
    const aside = setAside(wallet, command.amount, scopeOf(organization, command.serviceType), now);
    const { serviceType, reference } = command;
    if ('available' in aside) {
      return refuseHold(wallet, command.amount, aside.available, { holdId: null, serviceType, reference });
    }
    const tooWide = heldLotsRefusal(aside.slices);
    if (tooWide !== null) return tooWide;
    const holdId = derivedId('hold', organization.id, commandId);
    return accept({
      type: 'HoldAuthorized',
      data: { holdId, wallet: wallet.key, ...aside, expiresAt, serviceType, reference },
    });
  },
  answer: (organization, _, events) => {
    const [event] = events;
    if (event?.type !== 'HoldAuthorized') throw new Error('a hold without its event');
    return holdDocument(holdOf(organization, event.data.holdId));
  },
};

/** A hold ends once; what comes later is refused and changes nothing (INV-HLD-1). */
const openHold = (organization: Organization, holdId: string): Hold | { refusal: Refusal } => {
  const hold = organization.holds.get(holdId);
  if (hold === undefined) return { refusal: notFound('hold').refusal };
  if (hold.state === 'open') return hold;
  return { refusal: { code: 'hold_closed', detail: `the hold is ${hold.state} already`, more: { state: hold.state } } };
};

/** Moves a hold's end, and sets more aside where an amount is given. */
export const extendHold: CommandRule<'ExtendHold'> = {
  decide: (organization, command, { now }) => {
    const over = alreadyOver(command.expiresAt, now);
    if (over !== null) return over;
    const hold = openHold(organization, command.holdId);
    if ('refusal' in hold) return refuse(hold.refusal);
    const wallet = walletOf(organization, hold.wallet);
    const badEnd = refusedEnd(wallet, command.expiresAt, now);
    if (badEnd !== null) return refuse(badEnd);
    if (command.amount !== null && command.amount <= 0n) {
      return refuse({
        code: 'amount_out_of_range',
        pointer: '/amount',
        detail: 'extend by more than 0 credits, or leave it out',
      });
    }
    const { id: holdId, serviceType, reference } = hold;
    const more = command.amount ?? NO_CREDITS;
    const aside =
      more === NO_CREDITS
        ? { slices: [], overdraft: NO_CREDITS }
        : setAside(wallet, more, scopeOf(organization, serviceType), now);
    if ('available' in aside) return refuseHold(wallet, more, aside.available, { holdId, serviceType, reference });
    // One that is wider, from before there was a limit, can still be given more time.
    const tooWide = aside.slices.length === 0 ? null : heldLotsRefusal([...hold.slices, ...aside.slices]);
    if (tooWide !== null) return tooWide;
    return accept({
      type: 'HoldExtended',
      data: {
        holdId,
        wallet: hold.wallet,
        ...aside,
        expiresAt: command.expiresAt,
        previousExpiresAt: hold.expiresAt,
      },
    });
  },
  answer: (organization, { holdId }) => holdDocument(holdOf(organization, holdId)),
};

interface Beyond {
  readonly slices: readonly Slice[];
  readonly debt: Credits;
  readonly uncovered: Credits;
}

/**
 * What a capture takes beyond the lots that the hold set aside: what it may overdraw, and an excess over the hold, by
 * `over_capture`. Lots that are free by now come first; of what they do not cover, as much as the hold may overdraw is debt,
 * and the rest goes by `on_shortfall` (INV-HLD-4). Null where that refuses it.
 */
const drawBeyond = (
  wallet: Wallet,
  { overdraft, excess }: { readonly overdraft: Credits; readonly excess: Credits },
  charge: ChargeScope,
  now: Instant,
): Beyond | null => {
  const { overCapture, onShortfall } = wallet.policy;
  if (excess > 0n && overCapture === 'refuse') return null;
  const drawn = overCapture === 'cap' ? NO_CREDITS : excess;
  const slices = drawDown(wallet, credits(overdraft + drawn), charge, now);
  const short = credits(overdraft + drawn - sum(slices.map((slice) => slice.amount)));
  if (short > overdraft && onShortfall === 'refuse') return null;
  const debt = onShortfall === 'debt' ? short : smaller(short, overdraft);
  return { slices, debt, uncovered: credits(short - debt) };
};

type CaptureRefused = Extract<OwnEvent, { type: 'CaptureRefused' }>['data'];
type OverCapture = Pick<CaptureRefused, 'holdId' | 'asked' | 'held' | 'excess' | 'available' | 'usage'>;

/** The refusal of a capture above its hold, on record with what was used and the rules that refuse it (INV-HLD-4, INV-AUD-6). */
const refuseCapture = ({ key, policy, policyVersion }: Wallet, capture: OverCapture): Outcome => {
  const [asked, held] = [format(capture.asked), format(capture.held)];
  const detail = `${asked} is more than the ${held} still held; extend the hold first`;
  const code = 'exceeds_hold';
  const { overCapture, onShortfall } = policy;
  return refuseOnRecord<OwnEvent, Refusal>(
    { code, pointer: '/amount', detail, more: { held } },
    { type: 'CaptureRefused', data: { ...capture, wallet: key, code, overCapture, onShortfall, policyVersion } },
  );
};

/** Spends part of a hold, or more than it, as a transaction of kind `consumption`; `final` gives the rest free. */
export const captureHold: CommandRule<'CaptureHold'> = {
  decide: (organization, command, { now, commandId }) => {
    const hold = openHold(organization, command.holdId);
    if ('refusal' in hold) return refuse(hold.refusal);
    if (command.amount <= 0n) {
      return refuse({
        code: 'amount_out_of_range',
        pointer: '/amount',
        detail: 'capture more than 0 credits, or release the hold',
      });
    }
    const wallet = walletOf(organization, hold.wallet);
    const heldInLots = sum(hold.slices.map((slice) => slice.amount));
    const rest = credits(heldInLots + hold.overdraft);
    const excess = command.amount > rest ? credits(command.amount - rest) : NO_CREDITS;
    const { usage } = command;
    const charge: ChargeScope = {
      ...scopeOf(organization, usage.serviceType ?? hold.serviceType),
      model: usage.model,
      workspaceId: usage.workspaceId,
    };
    const within = credits(command.amount - excess);
    const fromHold = upTo(hold.slices, within);
    const overdraftUsed = credits(within - sum(fromHold.map((slice) => slice.amount)));
    const beyond = drawBeyond(wallet, { overdraft: overdraftUsed, excess }, charge, now);
    const charged: CaptureUsage = { ...usage, serviceType: charge.serviceType };
    if (beyond === null) {
      const available = availableTo(wallet, charge, now);
      return refuseCapture(wallet, {
        holdId: hold.id,
        asked: command.amount,
        held: rest,
        excess,
        available,
        usage: charged,
      });
    }
    const slices = merged([...fromHold, ...beyond.slices]);
    const { debt } = beyond;
    const { ended, books, left } = endedIn(
      organization,
      hold,
      command.final ? less(hold.slices, fromHold) : [],
      wallet,
      now,
    );
    const released = merged([...fromHold, ...left]);
    const moves: LotMove[] = [...movesOf('release', released), ...movesOf('consume', slices)];
    const captured: OwnEvent = {
      type: 'HoldCaptured',
      data: {
        holdId: hold.id,
        wallet: hold.wallet,
        asked: command.amount,
        excess,
        overCapture: excess === NO_CREDITS ? null : wallet.policy.overCapture,
        uncovered: beyond.uncovered,
        overdraftReleased: command.final ? hold.overdraft : overdraftUsed,
        moves,
        final: command.final,
        usage: charged,
        booking: book(books, 'consumption', {
          transactionId: derivedTransactionId(organization.id, commandId),
          debited: credits(sum(slices.map((slice) => slice.amount)) + debt),
          slices,
          debt,
          eventTime: now,
        }),
      },
    };
    const owed = { key: wallet.key, debt: credits(wallet.debt + debt) };
    return accept<OwnEvent>(...ended, captured, ...debtPaidByFreed(owed, stillGood(organization, left, now), now));
  },
  answer: (organization, { holdId }, events) => {
    const [captured] = events.flatMap((event) => (event.type === 'HoldCaptured' ? [event.data] : []));
    return {
      ...holdDocument(holdOf(organization, holdId)),
      transaction_id: captured?.booking.transactionId ?? null,
      credits_debited: captured === undefined ? '0' : format(captured.booking.debited),
    };
  },
};

/** Gives the open rest of a hold free. */
export const releaseHold: CommandRule<'ReleaseHold'> = {
  decide: (organization, { holdId }, { now }) => {
    const hold = openHold(organization, holdId);
    if ('refusal' in hold) return refuse(hold.refusal);
    return accept(...givenFree(organization, hold, 'HoldReleased', now));
  },
  answer: (organization, { holdId }) => holdDocument(holdOf(organization, holdId)),
};

/** The end of a hold: what of it had ended before, the rest that comes free, and what that pays. */
const givenFree = (
  organization: Organization,
  hold: Hold,
  type: 'HoldReleased' | 'HoldExpired',
  effectiveAt: Instant,
): OwnEvent[] => {
  const { id: holdId, overdraft } = hold;
  const wallet = walletOf(organization, hold.wallet);
  const { ended, left } = endedIn(organization, hold, hold.slices, wallet, effectiveAt);
  const data = { holdId, wallet: wallet.key, slices: merged(left), overdraft, effectiveAt };
  return [
    ...ended,
    { type, data },
    ...debtPaidByFreed(wallet, stillGood(organization, left, effectiveAt), effectiveAt),
  ];
};

/** Holds end by time (INV-HLD-5). */
export const holdExpiry: DueRule = {
  dueAt: ({ endingHolds: [hold] }) => hold?.expiresAt ?? null,
  settle: (organization, due) => {
    const [hold] = organization.endingHolds;
    if (hold === undefined || hold.expiresAt > due) return [];
    return givenFree(organization, hold, 'HoldExpired', hold.expiresAt);
  },
};
