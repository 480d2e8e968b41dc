import {
  advanceTestClock,
  createTestClock,
  evolveTestClock,
  type TestClock,
  type TestClockEvent,
} from '@drawdown/domain';
import { accept, derivedId, type Instant } from '@drawdown/kernel';
import type { Clock } from '@drawdown/ports';
import { randomUUID } from 'node:crypto';
import type { Idempotency, Sender } from '../ledger';
import type { CatalogueProgress } from './catalogue-progress';
import { CatalogueStreams, type StreamPorts } from './catalogue-streams';
import type { RepeatableResult } from './results';

export interface TestClocks {
  get(id: string): TestClock | undefined;
  /** The clock as the store has it. */
  latest(id: string): Promise<TestClock | undefined>;
  create(now: Instant, sender: Sender, idempotency?: Idempotency | null): Promise<RepeatableResult<TestClock>>;
  /** Moves the clock; refuses `time_goes_back`. What is due is settled by `Ledger.settleClock`. */
  advance(
    id: string,
    to: Instant,
    sender: Sender,
    idempotency?: Idempotency | null,
  ): Promise<RepeatableResult<TestClock>>;
}

export class LocalTestClocks implements TestClocks {
  readonly streams: CatalogueStreams<TestClock, TestClockEvent>;

  constructor(
    ports: StreamPorts,
    private readonly clock: Clock,
    private readonly progress: CatalogueProgress,
  ) {
    this.streams = new CatalogueStreams(
      { prefix: 'test-clock-', types: ['TestClockCreated', 'TestClockAdvanced'], evolve: evolveTestClock },
      ports,
    );
  }

  get(id: string): TestClock | undefined {
    return this.streams.get(id);
  }

  async latest(id: string): Promise<TestClock | undefined> {
    await this.progress.reread(this.streams, id);
    return this.get(id);
  }

  /** Under a key the clock's id follows from it: two processes that are asked at once meet on its stream. */
  async create(
    now: Instant,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<TestClock>> {
    const id = idempotency === null ? `clock_${randomUUID()}` : derivedId('clock', sender.actor.id, idempotency.key);
    const written = await this.streams.write(
      id,
      (existing) => createTestClock(existing, { id, now }),
      sender,
      this.clock.now(),
      idempotency,
    );
    return this.progress.answered(written, (state) => state);
  }

  async advance(
    id: string,
    to: Instant,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<TestClock>> {
    const written = await this.streams.write(
      id,
      (clock) => {
        const decision = advanceTestClock(clock, to);
        // Where it stands there already nothing happens; under a key that is remembered, by an event that moves nothing.
        if (idempotency === null || !decision.accepted || decision.events.length > 0) return decision;
        return accept({ type: 'TestClockAdvanced', data: { id, from: to, to } });
      },
      sender,
      this.clock.now(),
      idempotency,
    );
    return this.progress.answered(written, (state) => state);
  }
}
