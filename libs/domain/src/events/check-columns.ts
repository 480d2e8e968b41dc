import { storedCredits, storedQuantity } from '@drawdown/kernel';
import type { WireCharges } from './charge-columns';

/** Amounts without a sign and with at most so many characters are in range, whatever their digits. */
const SURELY_IN_RANGE = 17;
const UNSIGNED = /^(?:0|[1-9][0-9]*)(?:\.[0-9]{1,9})?$/;
const MINUS = 45;

/** The schema has seen its spelling: only what may be `-0` or out of range is read. */
const checkCredits = (text: string): void => {
  if (text.length > SURELY_IN_RANGE || text.charCodeAt(0) === MINUS) storedCredits(text);
};
const checkQuantity = (text: string): void => {
  if (text.length > SURELY_IN_RANGE || !UNSIGNED.test(text)) storedQuantity(text);
};

const checkLength = (column: string, length: number, expected: number): void => {
  if (length === expected) return;
  throw new Error(`charge columns have ${String(length)} of ${String(expected)} in ${column}`);
};

/** Every charge has a place, and there is something at it; `lowest` −1 where it may have none. */
const checkPlaces = (places: readonly number[], list: readonly unknown[], charges: number, lowest: 0 | -1): void => {
  if (places.length !== charges) checkLength('a column', places.length, charges);
  const { length } = list;
  for (const place of places) {
    if (place < lowest || place >= length) {
      throw new Error(`charge columns refer to place ${String(place)} of ${String(length)}`);
    }
  }
};

const checkWallets = ({ wallets, strings }: WireCharges): void => {
  const count = wallets.organization.length;
  checkPlaces(wallets.wallet, strings, count, 0);
  checkLength('policy_version', wallets.policy_version.length, count);
  checkLength('first_sequence', wallets.first_sequence.length, count);
  checkLength('balance_before', wallets.balance_before.length, count);
  for (const balance of wallets.balance_before) checkCredits(balance);
};

const checkQuantities = ({ shape, shapes, quantities, provider_cost }: WireCharges): void => {
  const sizes = shapes.map(({ names }) => names.length);
  let count = 0;
  for (const place of shape) count += sizes[place] ?? 0;
  checkLength('quantities', quantities.length, count);
  for (const text of quantities) checkQuantity(text);
  for (const [, [amount]] of provider_cost) checkQuantity(amount);
};

const checkAmounts = ({ price, splits, lots, debt, uncovered }: WireCharges): void => {
  for (const text of price) checkCredits(text);
  for (const [, text] of debt) checkCredits(text);
  for (const [, text] of uncovered) checkCredits(text);
  for (const [, slices] of splits) {
    for (const [place, amount] of slices) {
      checkCredits(amount);
      if (place < 0 || place >= lots.length) {
        throw new Error(`charge columns refer to lot ${String(place)} of ${String(lots.length)}`);
      }
    }
  }
};

/**
 * Throws where columns that fit the schema cannot be read: afterwards every charge of them can be. What reads only some
 * columns, and only later, must not get past an event that another reader stops at.
 */
export const checkColumns = (wire: WireCharges): void => {
  const { strings } = wire;
  const count = wire.id.length;
  checkWallets(wire);
  checkPlaces(wire.wallet, wire.wallets.organization, count, 0);
  for (const places of [wire.source, wire.type, wire.service_type, wire.actor]) checkPlaces(places, strings, count, 0);
  const { workspace, user, resource_type, resource_id, model } = wire;
  for (const places of [workspace, user, resource_type, resource_id, model]) checkPlaces(places, strings, count, -1);
  checkPlaces(wire.rate, wire.rates, count, 0);
  checkPlaces(wire.shape, wire.shapes, count, 0);
  checkPlaces(wire.lot, wire.lots, count, -1);
  checkLength('time', wire.time.length, count);
  checkLength('price', wire.price.length, count);
  checkQuantities(wire);
  checkAmounts(wire);
};
