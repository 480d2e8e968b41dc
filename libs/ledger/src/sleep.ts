import { setTimeout as pause } from 'node:timers/promises';

/** Waits so long; rejects where `signal` aborts. With `ref` false it keeps no process alive. */
export type Sleep = (ms: number, options?: { readonly signal?: AbortSignal; readonly ref?: boolean }) => Promise<void>;

export const realSleep: Sleep = (ms, options) => pause(ms, undefined, options);
