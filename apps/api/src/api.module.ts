import { type ApiSettings, HttpModule, HttpSettings, OidcTokens, PartsModule } from '@drawdown/http';
import { Catalogue, Ledger } from '@drawdown/ledger';
import { ReadModels } from '@drawdown/projections';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Parts } from './parts';

/** The API of the distributed form: composition, nothing else. */
@Module({})
export class ApiModule {
  static of(parts: Parts, settings: ApiSettings, logger: Logger): DynamicModule {
    const { metrics, readiness, clock, isStarting } = parts;
    const tokens = settings.oidc === null ? {} : { tokens: new OidcTokens({ ...settings.oidc, log: logger }) };
    const http = new HttpSettings(settings.testClocks, () => clock.now(), false, isStarting);
    const providers = [
      { provide: Ledger, useValue: parts.ledger },
      { provide: Catalogue, useValue: parts.catalogue },
      { provide: ReadModels, useValue: parts.readModels },
    ];
    return {
      module: ApiModule,
      imports: [
        PartsModule.of(parts, { log: logger, metrics, providers }),
        HttpModule.with({ settings: http, logger, metrics, readiness, ...tokens }),
      ],
    };
  }
}
