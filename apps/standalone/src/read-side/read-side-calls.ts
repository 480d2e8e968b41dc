/** What the main thread and the thread of the read side say to each other. */
import type { Forwarded } from '@drawdown/adapters/forwarding';
import type { ProgressReport } from '@drawdown/delivery';
import type { Row } from '@drawdown/ports';

export interface ReadSideData {
  /** Where the log is; the main thread opens it, and first. */
  readonly log: { readonly folder: string } | { readonly eventStoreUrl: string };
  /** The folder of the embedded database, or a PostgreSQL. */
  readonly database: { readonly folder: string } | { readonly url: string; readonly connections: number };
}

export interface ReadSideCalls {
  /** Why the database's folder was thrown away at this start, where it was. */
  readonly started: (nothing: null) => string | undefined;
  /** Opens the log and lets the projectors run. */
  readonly follow: (log: { readonly shards: number }) => void;
  readonly query: (question: {
    readonly statement: string;
    readonly parameters: readonly (string | null)[];
  }) => Promise<Row[]>;
  /** Finishes the batches in hand; questions are answered as before. */
  readonly stop: (nothing: null) => Promise<void>;
}

/** To the thread. */
export type ReadSideTold =
  { readonly stored: string } | { readonly lost: { readonly projector: string; readonly suffix: string } };

/** From the thread. */
export type ReadSideTells = { readonly report: ProgressReport } | { readonly forwarded: Forwarded };
