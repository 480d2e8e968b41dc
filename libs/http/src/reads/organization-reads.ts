import type { AsOf, CatalogueView } from '@drawdown/commands';
import { type Organization, organizationOf } from '@drawdown/domain';
import { coverBoth, type Instant, latest, type Position } from '@drawdown/kernel';
import type { ReadModels } from '@drawdown/projections';

/** What a process needs to show organizations that other processes own. */
export interface OrganizationReadPorts {
  readonly models: Pick<ReadModels, 'organizationFigures'>;
  readonly catalogue: Pick<CatalogueView, 'testClocks'>;
  /** How far the log of the organization's shard goes now. */
  readonly head: (organizationId: string) => Promise<Position>;
  /** What covers everything that a test clock's last move has booked for an organization, whichever process moved it. */
  readonly settledAt: (clock: string, organizationId: string) => Promise<Position>;
  /** The machine's time. */
  readonly now: () => Instant;
}

type ReadOrganization = <T>(
  organizationId: string,
  after: Position | null,
  view: (organization: Organization, now: Instant) => T,
) => Promise<{ readonly value: T; readonly asOf: AsOf } | undefined>;

/**
 * Reads as the ledger's owner answers them (`Ledger.read`), from the balance read model: as of its checkpoint, by the
 * present time of the organization. The views see the lots with something left and the holds that are open.
 *
 * Where the read model knows no such organization, it is asked again once it has come to the end of the log: whoever made
 * one uses it at once. What lives on a test clock is shown with what its last move has booked (INV-DEL-5).
 */
export const organizationReads = (ports: OrganizationReadPorts): ReadOrganization => {
  const { models, catalogue, now } = ports;
  const figuresOf = async (organizationId: string, after: Position | null) => {
    const seen = await models.organizationFigures({ organizationId, after });
    const clock = seen?.value.testClock ?? null;
    if (seen !== undefined && clock === null) return seen;
    const least = await (clock === null ? ports.head(organizationId) : ports.settledAt(clock, organizationId));
    return models.organizationFigures({ organizationId, after: after === null ? least : coverBoth(after, least) });
  };
  return async (organizationId, after, view) => {
    const read = await figuresOf(organizationId, after);
    if (read === undefined) return undefined;
    const { testClock, createdAt } = read.value;
    // A clock that this process has not heard of yet stood at the creation at least.
    const time = testClock === null ? now() : latest(catalogue.testClocks.get(testClock)?.now ?? createdAt, createdAt);
    const value = view(organizationOf(read.value), time);
    return { value, asOf: { position: read.position, time } };
  };
};
