import type { Stream } from '@drawdown/ports';
import type { Terminal } from './terminal';

/** 0: done. 1: called in a way that cannot work. 2: done, but some lines are bad. 3: not done; the server is away, or interrupted. */
export type ExitCode = 0 | 1 | 2 | 3;

/** What a command has of the world. */
export interface Context {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts where the user wants to stop. */
  readonly signal: AbortSignal;
  /** Instead of the Kafka that the environment names; it is closed at the end. */
  readonly openStream?: () => Stream;
}

/** Options of every command. */
export interface GlobalOptions {
  readonly url: string;
  readonly key?: string;
  readonly json?: boolean;
}
