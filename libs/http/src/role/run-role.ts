import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { createLogger, LOG_LEVELS } from '../server/http-log';
import { refuseUnknownSettings } from '../server/known-settings';
import { listenAt } from '../server/listening';
import { PrometheusMetrics } from '../server/metrics';
import type { RunningParts } from '../server/parts.module';
import { Readiness } from '../server/readiness';
import { Opening } from './opening';
import { RoleModule } from './role.module';
import { runApp, type StartedApp } from './run-app';
import { endingInTime } from './shutdown';
import { Start } from './start';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a role is opened with. */
export interface RoleContext {
  readonly environment: Environment;
  readonly log: Logger;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  /** Asks a server until it is there; see {@link Start}. */
  readonly until: Start['until'];
  /** Ends the process with exit code 1, then or later: it has found what does not fit. */
  readonly fail: (error: Error) => void;
}

export interface Role {
  /** Name of the process, as in its folder under apps/. */
  readonly name: string;
  /** Where PORT does not say otherwise. */
  readonly port: number;
  /** What it can be told beside its place and its log level, by variable. */
  readonly settings: Readonly<Record<string, string>>;
  /** Closes what it has opened where it rejects. */
  readonly open: (context: RoleContext) => Promise<RunningParts>;
}

/** Runs a process that has no API, until it is asked to stop: probes and metrics at its port, exit code 0 at the end. */
export const runRole = (role: Role): void => {
  runApp(
    role.name,
    () => startRole(role, process.env),
    async (app) => `drawdown ${role.name}: ${await app.getUrl()}/readyz\n`,
  );
};

/**
 * The role's probes listening, and the role being opened. Rejects with settings that are wrong, and where the probes
 * cannot listen; then nothing was opened.
 */
export const startRole = async (role: Role, environment: Environment): Promise<StartedApp> => {
  refuseUnknownSettings(environment, role.settings);
  const log = createLogger(logLevelOf(environment));
  const [metrics, readiness] = [new PrometheusMetrics(), new Readiness()];
  const port = portOf(environment['PORT'] || String(role.port));
  const start = new Start({ log, metrics, readiness });
  const opening = new Opening(start);
  const adapter = new FastifyAdapter({ logger: false });
  const module = RoleModule.of({ running: endingInTime(opening, log), metrics, readiness, log });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { logger: false, abortOnError: false });
  await listenAt(app, { port, host: environment['HOST'] || '127.0.0.1' });
  const { until } = start;
  let fail: RoleContext['fail'] = () => undefined;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  failed.catch(() => undefined); // whoever runs the process is told, once it is open
  return { app, opened: opening.begin(() => role.open({ environment, log, metrics, readiness, until, fail })), failed };
};

class BadRoleSettings extends Error {
  readonly code = 'bad_settings';
}

const portOf = (text: string): number => {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new BadRoleSettings('PORT must be a number between 0 and 65535');
};

const logLevelOf = (environment: Environment): (typeof LOG_LEVELS)[number] => {
  const text = environment['DRAWDOWN_LOG_LEVEL'] || 'warn';
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new BadRoleSettings(`DRAWDOWN_LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
};
