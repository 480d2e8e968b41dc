import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { PrometheusMetrics } from '../server/metrics';
import { ProbesController } from '../server/operations.controller';
import { Readiness } from '../server/readiness';
import { Stopping } from '../server/stopping';

/** A part of the product that runs by itself. */
export interface RunningRole {
  /** Finishes what is in hand; nothing is begun afterwards. */
  readonly drain: () => Promise<void>;
  /** Closes what it uses. */
  readonly close: () => Promise<void>;
}

const Running = Symbol('RunningRole');

/** A process without an API: what it does, its probes, and the steps of its shutdown. */
@Module({})
export class RoleModule implements BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(Running) private readonly running: RunningRole,
    private readonly metrics: PrometheusMetrics,
  ) {}

  static of(running: RunningRole, metrics: PrometheusMetrics, readiness: Readiness): DynamicModule {
    return {
      module: RoleModule,
      controllers: [ProbesController],
      providers: [
        { provide: Running, useValue: running },
        { provide: PrometheusMetrics, useValue: metrics },
        { provide: Readiness, useValue: readiness },
        Stopping,
      ],
    };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.running.drain();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.running.close();
    this.metrics.close();
  }
}
