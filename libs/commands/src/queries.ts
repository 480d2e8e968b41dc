import { type AsOf, Catalogue, Ledger } from '@drawdown/ledger';
import type { Organization } from '@drawdown/domain';
import type { Instant, Position } from '@drawdown/kernel';
import { Query } from '@nestjs/cqrs';

/** What a view made of an organization, and of which position and moment it is true. */
export interface Shown<T> {
  readonly value: T;
  readonly asOf: AsOf;
}

/** Turns an organization's state into what is shown of it. It must copy what it keeps: the state moves on. */
export type View<T> = (organization: Organization, now: Instant) => T;

/** The organization as its ledger has it in memory; `undefined` where there is none. With `after`: not before that position. */
export class ReadOrganization<T> extends Query<Shown<T> | undefined> {
  constructor(
    readonly organizationId: string,
    readonly after: Position | null,
    readonly view: View<T>,
  ) {
    super();
  }
}

/** The organization folded from the log up to a position or an instant; `undefined` where it did not exist then. */
export class OrganizationAsOf<T> extends Query<Shown<T> | undefined> {
  constructor(
    readonly organizationId: string,
    readonly when: { readonly position: Position } | { readonly instant: Instant },
    readonly view: View<T>,
  ) {
    super();
  }
}

/**
 * What the catalogue shows. It is in memory and looked at on every request, so it is asked directly; whatever changes
 * it goes over the command bus.
 */
export type CatalogueView = Pick<Catalogue, 'covered' | 'reached' | 'presets'> & {
  readonly rateCards: Pick<Catalogue['rateCards'], 'all' | 'get' | 'latest' | 'compiled'>;
  readonly apiKeys: Pick<Catalogue['apiKeys'], 'find' | 'latest' | 'hasAny' | 'all'>;
  readonly testClocks: Pick<Catalogue['testClocks'], 'get' | 'latest'>;
};
export const CatalogueView = Catalogue;

/** Which shard an organization lives in: a function of its id. */
export type Shards = Pick<Ledger, 'shardOf'>;
export const Shards = Ledger;
