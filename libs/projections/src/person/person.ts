import type { Instant, Position } from '@drawdown/kernel';
import type {
  Answer,
  Breakdown,
  Page,
  PageRequest,
  Reading,
  Spending,
  TimeRange,
  TransactionDocument,
} from '../documents';

/** An organization that a person's usage is read over. */
export interface PersonReading extends Reading {
  /** Whether `now` is a test clock's time. */
  readonly onTestClock: boolean;
  /** What its wallets count in, by their keys. */
  readonly units: ReadonlyMap<string, string>;
}

/** Whose usage, and which part of it. Periods go back from each organization's own present time. */
export interface PersonQuery extends TimeRange {
  readonly userId: string;
  readonly serviceType?: string | null;
  readonly workspaceId?: string | null;
  readonly resourceId?: string | null;
  readonly model?: string | null;
}

/** Credits and money are of different kinds: `unit` tells them apart. */
export const PERSON_KEYS = ['unit', 'organization', 'service_type'] as const;
export type PersonKey = (typeof PERSON_KEYS)[number];

export type PersonTransaction = TransactionDocument & { readonly organization_id: string };

/**
 * What one person used over several organizations, in whichever these are: who may see that is not checked here. Each
 * answer is a prefix of each organization's shard; `asOf.position` is covered by all of them.
 */
export interface PersonModels {
  personBreakdown(
    readings: readonly PersonReading[],
    query: PersonQuery & { readonly by: PersonKey; readonly now: Instant },
  ): Promise<Answer<Breakdown>>;
  /** Every bucket from the first organization's first to the last one's last. */
  personSpending(
    readings: readonly PersonReading[],
    query: PersonQuery & { readonly bucket: 'day' | 'hour'; readonly now: Instant },
  ): Promise<Answer<Spending>>;
  /** Latest booking first; of one booking time by organization. `now`: the present time by the machine's clock. */
  personTransactions(
    readings: readonly PersonReading[],
    query: PersonQuery & PageRequest & { readonly now: Instant; readonly after?: Position | null },
  ): Promise<Answer<Page<PersonTransaction>>>;
}
