import type { OrganizationCommand, UsageEvent } from '@drawdown/domain';
import type { Resident } from '../fold';

/**
 * Bytes that a command may add: what there is room for before it is decided, and per live lot of its organization. A charge
 * or the end of a hold adds so many per lot.
 */
const COMMAND_BYTES = { least: 64 * 1024, perLot: 350 };
const BYTES_PER_LOT = 100;

/** Bytes that a provider's own usage object may take once it is written as text within text. */
const RAW_BYTES = 256 * 1024;

const liveLots = ({ organization }: Resident): number => {
  let lots = 0;
  for (const wallet of organization.wallets) lots += wallet.live.length;
  return lots;
};

/** The names of a grant's scope stand in its event and in its answer; nothing else that callers send is that long. */
const bytesOfScope = (command: OrganizationCommand): number =>
  command.type === 'GrantCredits' && command.scope !== null ? 2 * Buffer.byteLength(JSON.stringify(command.scope)) : 0;

/** What a command takes wherever nothing is moved but what it is about: its answer is in it, and its own words. */
export const leastOfCommand = (command: OrganizationCommand): number => COMMAND_BYTES.least + bytesOfScope(command);

/** A refund gives back to lots that are spent, and a closing ends every hold, of which each may be over many lots. */
const UNBOUNDED: ReadonlySet<OrganizationCommand['type']> = new Set(['RefundCharge', 'CloseOrganization']);

/** A command may move every live lot: release it, draw from it, and name it in its booking. Infinity where lots do not tell. */
export const mostOfCommand = (resident: Resident, command: OrganizationCommand): number =>
  UNBOUNDED.has(command.type) ? Infinity : leastOfCommand(command) + COMMAND_BYTES.perLot * liveLots(resident);

/** What has no normalizer is kept as it came. */
export const leastOfUsage = ({ raw }: UsageEvent): number => (raw === null ? 0 : RAW_BYTES);

/** A charge names the lots that it draws from. */
export const bytesOfSlices = (lots: number): number => BYTES_PER_LOT * lots;

/** The end of a hold gives something back to each of its lots, which may pay a debt of it. */
export const mostOfSettling = (resident: Resident): number => 2 * BYTES_PER_LOT * liveLots(resident);
