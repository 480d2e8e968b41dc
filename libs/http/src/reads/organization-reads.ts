import type { AsOf, CatalogueView } from '@drawdown/commands';
import { type Organization, organizationOf } from '@drawdown/domain';
import { type Instant, latest, type Position } from '@drawdown/kernel';
import type { ReadModels } from '@drawdown/projections';

/** What a process needs to show organizations that other processes own. */
export interface OrganizationReadPorts {
  readonly models: Pick<ReadModels, 'organizationFigures'>;
  readonly catalogue: Pick<CatalogueView, 'testClock'>;
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
 */
export const organizationReads =
  ({ models, catalogue, now }: OrganizationReadPorts): ReadOrganization =>
  async (organizationId, after, view) => {
    const read = await models.organizationFigures({ organizationId, after });
    if (read === undefined) return undefined;
    const { testClock, createdAt } = read.value;
    // A clock that this process has not heard of yet stood at the creation at least.
    const time = testClock === null ? now() : latest(catalogue.testClock(testClock)?.now ?? createdAt, createdAt);
    const value = view(organizationOf(read.value, time), time);
    return { value, asOf: { position: read.position, time } };
  };
