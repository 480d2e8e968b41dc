import type { UsageEvent } from '@drawdown/domain';

/** Events of one request. */
export const EVENTS_MAX = 1000;

/** A body that was read as a list of good usage events without becoming JSON first. */
export class ReadUsages {
  constructor(readonly usages: readonly UsageEvent[]) {}
}
