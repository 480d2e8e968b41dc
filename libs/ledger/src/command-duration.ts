import type { OrganizationCommand } from '@drawdown/domain';
import type { Metrics } from '@drawdown/ports';

/** Reports how long a command took that came at `arrivedAt` (of `performance.now`) and is answered now. */
export const reportCommand = (metrics: Metrics, { type }: OrganizationCommand, arrivedAt: number): void => {
  metrics.observe('command_duration_seconds', (performance.now() - arrivedAt) / 1000, { command: type });
};

/** Reports how long a command took from here until it was answered, refused ones and failures included. */
export const timedCommand = <T>(
  metrics: Metrics,
  command: OrganizationCommand,
  answer: () => Promise<T>,
): Promise<T> => {
  const arrivedAt = performance.now();
  return answer().finally(() => reportCommand(metrics, command, arrivedAt));
};
