/** Structured log lines: what happened, with fields. Never a secret, never a whole body. */
export interface Log {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}
export const Log = Symbol('Log');

export const NO_LOG: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
