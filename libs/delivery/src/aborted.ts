/** Asked through a call, because the type checker believes that a signal, once seen unaborted, stays so. */
export const isAborted = (signal: AbortSignal): boolean => signal.aborted;
