/** What a thread and the one who started it send each other. */

/** What a thread answers: names of calls with their argument and result, both of them structured-cloneable. */
export type Calls<T> = { readonly [Name in keyof T]: (argument: never) => unknown };

export interface Failure {
  readonly message: string;
  readonly name: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
}

export type CallMessage = { readonly call: number; readonly name: string; readonly argument: unknown };
/** `told`: said without waiting for an answer. */
export type ToThread = CallMessage | { readonly told: unknown } | { readonly close: true };
export type FromThread =
  | { readonly ready: true }
  | { readonly startFailed: Failure }
  | { readonly told: unknown }
  | { readonly call: number; readonly result: unknown }
  | { readonly call: number; readonly failure: Failure };

/** Not by `instanceof`: what a worker died of is an error of another realm in jest, and no native one anywhere. */
export const asError = (thrown: unknown): Error =>
  typeof thrown === 'object' && thrown !== null && 'message' in thrown ? (thrown as Error) : new Error(String(thrown));
