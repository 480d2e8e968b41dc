import { setTimeout as sleep } from 'node:timers/promises';

const ASK_EVERY_MS = 50;

/** Resolves to how long it took until the condition held; rejects where it does not within `limitMs`. */
export const until = async (
  what: string,
  limitMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<number> => {
  const from = performance.now();
  while (!(await condition())) {
    if (performance.now() - from > limitMs) throw new Error(`${what}: not within ${String(limitMs)} ms`);
    await sleep(ASK_EVERY_MS);
  }
  return performance.now() - from;
};
