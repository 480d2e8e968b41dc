import type { Log, Metrics } from '@drawdown/ports';

/** How often each is asked; alerts wait for minutes. */
const EVERY_MS = 2_000;

/**
 * Asks each dependency something cheap from time to time and reports whether it answers as `dependency_up` (1 or 0),
 * until the result is called. One that is slow is not asked again meanwhile.
 */
export const watchDependencies = (
  dependencies: Readonly<Record<string, () => Promise<unknown>>>,
  metrics: Metrics,
  log: Log,
): (() => void) => {
  const timers = Object.entries(dependencies).map(([dependency, ask]) => {
    let asking = false;
    let up: boolean | undefined;
    const report = (answered: boolean): void => {
      asking = false;
      if (answered && up === false) log.info({ dependency }, 'a dependency is back');
      if (!answered && up !== false) log.warn({ dependency }, 'a dependency does not answer');
      up = answered;
      metrics.gauge('dependency_up', answered ? 1 : 0, { dependency });
    };
    const watch = (): void => {
      if (asking) return;
      asking = true;
      ask().then(
        () => report(true),
        () => report(false), // why is said by whoever needs it
      );
    };
    watch();
    return setInterval(watch, EVERY_MS).unref();
  });
  return () => timers.forEach((timer) => clearInterval(timer));
};
