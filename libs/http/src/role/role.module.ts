import { type DynamicModule, Module } from '@nestjs/common';
import type { HttpLog } from '../server/http-log';
import { PrometheusMetrics } from '../server/metrics';
import { ProbesController } from '../server/operations.controller';
import { PartsModule, type RunningParts } from '../server/parts.module';
import { Readiness } from '../server/readiness';
import { Stopping } from '../server/stopping';

export interface RoleParts {
  readonly running: RunningParts;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  readonly log: Pick<HttpLog, 'error' | 'info'>;
}

/** A process without an API: what it does, and its probes. */
@Module({})
export class RoleModule {
  static of({ running, metrics, readiness, log }: RoleParts): DynamicModule {
    const close = async (): Promise<void> => {
      await running.close();
      metrics.close();
    };
    const providers = [
      { provide: PrometheusMetrics, useValue: metrics },
      { provide: Readiness, useValue: readiness },
    ];
    return {
      module: RoleModule,
      imports: [PartsModule.of({ drain: running.drain, close }, { log, metrics, providers })],
      controllers: [ProbesController],
      providers: [Stopping],
    };
  }
}
