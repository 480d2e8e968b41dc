import { CommandsModule, RunCommand, Shards } from '@drawdown/commands';
import { type DynamicModule, Module, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { LoggerModule } from 'nestjs-pino';
import type { Logger } from 'pino';
import { Gate } from './access/gate';
import { NO_PERSON_TOKENS, PersonTokens } from './access/person-tokens';
import { KeysController } from './keys/keys.controller';
import { MeController } from './me/me.controller';
import { OwnOrganizations } from './me/own-organizations';
import { OpenApi } from './openapi/openapi';
import { AccessRefusals } from './organizations/access-refusals';
import { CreditsController } from './organizations/credits.controller';
import { HoldsController } from './organizations/holds.controller';
import { OrganizationsController } from './organizations/organizations.controller';
import { TestClocksController } from './organizations/test-clocks.controller';
import { WalletsController } from './organizations/wallets.controller';
import { RateCardsController } from './rate-cards/rate-cards.controller';
import { ReadsController } from './reads/reads.controller';
import { Replays } from './server/replays';
import { HttpLog } from './server/http-log';
import { PrometheusMetrics } from './server/metrics';
import { OperationsController, ProbesController } from './server/operations.controller';
import { Readiness } from './server/readiness';
import { Sending } from './server/sending';
import { HttpSettings } from './server/settings';
import { Stopping } from './server/stopping';
import { UsageController } from './usage/usage.controller';

/** The API, controller by controller. */
export const CONTROLLERS = [
  ProbesController,
  OperationsController,
  TestClocksController,
  OrganizationsController,
  WalletsController,
  CreditsController,
  HoldsController,
  UsageController,
  ReadsController,
  MeController,
  RateCardsController,
  KeysController,
];

const accessRefusals: Provider = {
  provide: AccessRefusals,
  inject: [CommandBus, Shards, HttpLog, PrometheusMetrics],
  useFactory: (commands: CommandBus, shards: Shards, log: HttpLog, metrics: PrometheusMetrics) =>
    new AccessRefusals({
      shardOf: (organizationId) => shards.shardOf(organizationId),
      write: (organizationId, refusal, sender, idempotency) =>
        commands.execute(new RunCommand(organizationId, { type: 'RecordAccessRefusal', refusal }, sender, idempotency)),
      log,
      metrics,
    }),
};

/** What a composition gives the HTTP side. The metrics are the same object that it binds to the port `Metrics`. */
export interface HttpParts {
  readonly settings: HttpSettings;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  /** How people's tokens are checked; only keys get in where absent. */
  readonly tokens?: PersonTokens;
}

/** The API over HTTP. Needs, from global modules, `Ledger` and `Catalogue` (through the bus) and `ReadModels`. */
@Module({})
export class HttpModule implements OnApplicationShutdown {
  constructor(private readonly metrics: PrometheusMetrics) {}

  static with({ settings, logger, metrics, readiness, tokens = NO_PERSON_TOKENS }: HttpParts): DynamicModule {
    const given: Provider[] = [
      { provide: HttpSettings, useValue: settings },
      { provide: HttpLog, useValue: logger },
      { provide: PrometheusMetrics, useValue: metrics },
      { provide: Readiness, useValue: readiness },
      { provide: PersonTokens, useValue: tokens },
    ];
    return {
      module: HttpModule,
      // Nest's own lines go to the same log; requests are logged by a hook, not by a middleware.
      imports: [CommandsModule, LoggerModule.forRoot({ pinoHttp: { logger }, forRoutes: [] })],
      controllers: CONTROLLERS,
      providers: [...given, Gate, Sending, OwnOrganizations, Stopping, Replays, accessRefusals, OpenApi],
      exports: [...given],
    };
  }

  onApplicationShutdown(): void {
    this.metrics.close();
  }
}
