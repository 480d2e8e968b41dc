import { accept, type Decision, type Instant, refuse } from '@drawdown/kernel';
import type { CatalogueEvent } from '../events';
import type { Refusal } from '../wallet/commands';

/** A clock that moves only when told to; organizations made with it live by it. */
export interface TestClock {
  readonly id: string;
  readonly now: Instant;
}
export type TestClockEvent = Extract<CatalogueEvent, { type: 'TestClockCreated' | 'TestClockAdvanced' }>;

export const createTestClock = (
  existing: TestClock | undefined,
  clock: TestClock,
): Decision<TestClockEvent, Refusal> =>
  existing === undefined
    ? accept({ type: 'TestClockCreated', data: clock })
    : refuse({ code: 'already_exists', detail: `there is a test clock ${clock.id} already` });

export const advanceTestClock = (existing: TestClock | undefined, to: Instant): Decision<TestClockEvent, Refusal> => {
  if (existing === undefined) return refuse({ code: 'not_found', detail: 'there is no such test clock' });
  if (to < existing.now) {
    const detail = `the clock stands at ${existing.now} and only moves forward`;
    return refuse({ code: 'time_goes_back', pointer: '/to', detail });
  }
  if (to === existing.now) return accept();
  return accept({ type: 'TestClockAdvanced', data: { id: existing.id, from: existing.now, to } });
};

export const evolveTestClock = (_: TestClock | undefined, event: TestClockEvent): TestClock =>
  event.type === 'TestClockCreated'
    ? { id: event.data.id, now: event.data.now }
    : { id: event.data.id, now: event.data.to };
