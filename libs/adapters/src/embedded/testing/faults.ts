/** What a test tells `faulty-log.thread.ts`, in shared memory: a thread that is busy or new reads it all the same. */
export type Faults = SharedArrayBuffer;

export const FAULT = { dieBeforeCommit: 0, dieAfterCommit: 1, pagesMax: 2 } as const;

export const noFaults = (): Faults => new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);

export const setFault = (faults: Faults, fault: keyof typeof FAULT, value: number): void => {
  Atomics.store(new Int32Array(faults), FAULT[fault], value);
};
