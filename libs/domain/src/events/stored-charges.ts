import { checkColumns } from './check-columns';
import { ChargeColumns, type WireCharges } from './charge-columns';
import { readCharges } from './read-charges';
import type { Charge } from './usage';

/** What `UsageCharged` says. */
export interface Charged {
  readonly charges: readonly Charge[];
}

/** The columns that charges were read from. Beside them and not in them: whoever compares or copies sees charges alone. */
const columns = new WeakMap<Charged, WireCharges>();

/**
 * Stored charges, made into objects when first asked for: most readers need a few of their columns, and objects cost more
 * than all else that they do. Throws where there is one that could not be made.
 */
export const storedCharges = (wire: WireCharges): Charged => {
  checkColumns(wire);
  let charges: readonly Charge[] | undefined;
  const charged: Charged = {
    get charges() {
      return (charges ??= readCharges(wire));
    },
  };
  columns.set(charged, wire);
  return charged;
};

/** The columns of charges, whether they were read from some or are to be written as some. */
export const columnsOf = (charged: Charged): WireCharges => columns.get(charged) ?? writeCharges(charged);

export const writeCharges = ({ charges }: Charged): WireCharges => {
  const written = new ChargeColumns();
  for (const charge of charges) written.add(charge);
  return written.wire();
};

/** How many charges there are, without making them. */
export const countOf = (charged: Charged): number => columns.get(charged)?.id.length ?? charged.charges.length;

/** Whose charges there are, each organization at least once, without making them. */
export const organizationsOf = (charged: Charged): readonly string[] =>
  columns.get(charged)?.wallets.organization ?? charged.charges.map(({ usage }) => usage.organizationId);
