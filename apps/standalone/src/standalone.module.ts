import { HttpModule, HttpSettings, OidcTokens, PartsModule } from '@drawdown/http';
import { Catalogue, Ledger } from '@drawdown/ledger';
import { ReadModels } from '@drawdown/projections';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Parts } from './parts';
import type { Settings } from './settings';

/** Everything in one process: composition, nothing else. */
@Module({})
export class StandaloneModule {
  static of(parts: Parts, settings: Settings, logger: Logger): DynamicModule {
    const { metrics, readiness, clock } = parts;
    const tokens = settings.oidc === null ? {} : { tokens: new OidcTokens({ ...settings.oidc, log: logger }) };
    const http = new HttpSettings(settings.testClocks, () => clock.now());
    const providers = [
      { provide: Ledger, useValue: parts.ledger },
      { provide: Catalogue, useValue: parts.catalogue },
      { provide: ReadModels, useValue: parts.readModels },
    ];
    return {
      module: StandaloneModule,
      imports: [
        PartsModule.of(parts, { log: logger, metrics, providers }),
        HttpModule.with({ settings: http, logger, metrics, readiness, ...tokens }),
      ],
    };
  }
}
