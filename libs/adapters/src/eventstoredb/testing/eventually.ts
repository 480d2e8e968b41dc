import { setTimeout as pause } from 'node:timers/promises';

/** Tries until it succeeds; rejects with the last failure when the time is over. */
export const eventually = async <Result>(attempt: () => Promise<Result>, withinMs = 20_000): Promise<Result> => {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until) throw error;
      await pause(20);
    }
  }
};
