import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Global,
  Inject,
  Module,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import type { HttpLog } from './http-log';
import type { PrometheusMetrics } from './metrics';
import { Shutdown } from './shutdown';

/** Nothing: all was finished. `left`: something in hand is left to whoever comes next, as after a kill. */
export type Drained = void | 'left';

/** What a process consists of besides its HTTP side, opened and running. */
export interface RunningParts {
  /** Finishes what is in hand, or tells that it could not; nothing is begun afterwards. */
  readonly drain: () => Promise<Drained>;
  /** Closes what it uses. */
  readonly close: () => Promise<void>;
}

export interface PartsOptions {
  readonly log: Pick<HttpLog, 'error' | 'info'>;
  readonly metrics: Pick<PrometheusMetrics, 'gauge'>;
  readonly providers?: readonly Provider[];
}

const Running = Symbol('RunningParts');

/**
 * What every module of a process may ask for, and the last steps of its shutdown: HTTP lets nothing in from the first
 * step on; then what was accepted is finished; the HTTP server closes; then what the process uses does. All of it within
 * the limit of {@link Shutdown}.
 */
@Global()
@Module({})
export class PartsModule implements BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(Running) private readonly running: RunningParts,
    private readonly shutdown: Shutdown,
  ) {}

  static of(running: RunningParts, { log, metrics, providers = [] }: PartsOptions): DynamicModule {
    return {
      module: PartsModule,
      providers: [
        ...providers,
        { provide: Running, useValue: running },
        { provide: Shutdown, useValue: new Shutdown(log, metrics) },
      ],
      exports: [...providers],
    };
  }

  async beforeApplicationShutdown(): Promise<void> {
    const drained = await this.doing('finishing what was accepted', () => this.running.drain());
    if (drained !== 'left') this.shutdown.drained();
    this.shutdown.begin('closing the HTTP server'); // Nest's own step, which comes next
  }

  async onApplicationShutdown(): Promise<void> {
    await this.doing('closing what the process uses', () => this.running.close());
    this.shutdown.end();
  }

  private async doing<T>(step: string, act: () => Promise<T>): Promise<T> {
    this.shutdown.begin(step);
    try {
      return await act();
    } catch (error) {
      this.shutdown.end();
      throw error;
    }
  }
}
