/**
 * The run of a property while there is time; those that begin later pass at once, and the first of them says so: a slow
 * machine must not look like one that has tried everything. What has begun is finished: fast-check's own
 * `interruptAfterTimeLimit` leaves it going on behind, on the database of the tests that follow.
 */
export const inTime = <T extends readonly unknown[]>(
  limitMs: number,
  run: (...values: T) => Promise<void>,
): ((...values: T) => Promise<void>) => {
  let from: number | undefined;
  let tried = 0;
  let isLate = false;
  return async (...values) => {
    from ??= performance.now();
    if (performance.now() - from < limitMs) {
      tried += 1;
      await run(...values);
      return;
    }
    if (isLate) return;
    isLate = true;
    const { currentTestName = 'a property' } = expect.getState();
    const seconds = String(limitMs / 1000);
    process.stderr.write(`${currentTestName}: ${String(tried)} runs in ${seconds} s, the others were left out\n`);
  };
};
