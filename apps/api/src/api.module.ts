import { type ApiSettings, HttpModule, HttpSettings, OidcTokens } from '@drawdown/http';
import { Catalogue, Ledger } from '@drawdown/ledger';
import { ReadModels } from '@drawdown/projections';
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Global,
  Inject,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { Logger } from 'pino';
import type { Parts } from './parts';

const OpenedParts = Symbol('OpenedParts');

/** What every module of this process may ask for, and the last two steps of its shutdown: callers are told, servers let go. */
@Global()
@Module({})
export class PartsModule implements BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(@Inject(OpenedParts) private readonly parts: Parts) {}

  static of(parts: Parts): DynamicModule {
    const providers = [
      { provide: OpenedParts, useValue: parts },
      { provide: Ledger, useValue: parts.ledger },
      { provide: Catalogue, useValue: parts.catalogue },
      { provide: ReadModels, useValue: parts.readModels },
    ];
    return { module: PartsModule, providers, exports: providers };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.parts.drain();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.parts.close();
  }
}

/** The API of the distributed form: composition, nothing else. */
@Module({})
export class ApiModule {
  static of(parts: Parts, settings: ApiSettings, logger: Logger): DynamicModule {
    const { metrics, readiness, clock, isStarting } = parts;
    const tokens = settings.oidc === null ? {} : { tokens: new OidcTokens({ ...settings.oidc, log: logger }) };
    const http = new HttpSettings(settings.testClocks, () => clock.now(), false, isStarting);
    return {
      module: ApiModule,
      imports: [PartsModule.of(parts), HttpModule.with({ settings: http, logger, metrics, readiness, ...tokens })],
    };
  }
}
