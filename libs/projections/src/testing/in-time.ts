/**
 * The run of a property while there is time; those that begin later pass at once. What has begun is finished:
 * fast-check's own `interruptAfterTimeLimit` leaves it going on behind, on the database of the tests that follow.
 */
export const inTime = <T extends readonly unknown[]>(
  limitMs: number,
  run: (...values: T) => Promise<void>,
): ((...values: T) => Promise<void>) => {
  let from: number | undefined;
  return async (...values) => {
    from ??= performance.now();
    if (performance.now() - from < limitMs) await run(...values);
  };
};
