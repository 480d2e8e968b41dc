import { CatalogueView } from '@drawdown/commands';
import { CATALOGUE_EVENT_TYPES, LEDGER_EVENT_TYPES, UsageCloudEvent, WireMetadata } from '@drawdown/domain';
import { ReadModels } from '@drawdown/projections';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CONTROLLERS } from '../http.module';
import { OwnOrganizations } from '../me/own-organizations';
import { AccessRefusals } from '../organizations/access-refusals';
import { Replays } from '../server/replays';
import { PrometheusMetrics } from '../server/metrics';
import { Readiness } from '../server/readiness';
import { Sending } from '../server/sending';
import { HttpSettings } from '../server/settings';
import { OpenApi, openApiOf } from './openapi';
import { published } from './published';

const BASE = 'https://drawdown.dev/schemas';

const jsonSchema = (path: string, title: string, schema: object): object =>
  published({ $schema: 'http://json-schema.org/draft-07/schema#', $id: `${BASE}/${path}`, title, ...schema });

/**
 * Every published contract by its path under `schemas/`: the API, each stored event in its present version, the
 * metadata beside it, and the usage event. Made from the code alone: no server, no store, no database.
 */
export const schemaFiles = async (): Promise<ReadonlyMap<string, object>> => {
  const files = new Map<string, object>([['openapi.json', await openApiDocument()]]);
  for (const { type, version, schema } of [...LEDGER_EVENT_TYPES, ...CATALOGUE_EVENT_TYPES]) {
    const path = `events/${type}.v${String(version)}.json`;
    files.set(path, jsonSchema(path, type, schema));
  }
  files.set('event-metadata.json', jsonSchema('event-metadata.json', 'Metadata of stored events', WireMetadata));
  files.set('usage-event.json', jsonSchema('usage-event.json', 'Usage event (CloudEvents 1.0)', UsageCloudEvent));
  return files;
};

/** The controllers alone, over nothing: describing them asks them nothing. */
const openApiDocument = async (): Promise<object> => {
  const nothing = { useValue: {} };
  const shared = [Sending, OwnOrganizations, Replays, AccessRefusals, HttpSettings];
  const needed = [CommandBus, QueryBus, CatalogueView, ReadModels, ...shared];
  const operations = [Readiness, PrometheusMetrics, OpenApi];
  const module: DynamicModule = {
    module: class Described {},
    controllers: CONTROLLERS,
    providers: [...needed, ...operations].map((provide) => ({ provide, ...nothing })),
  };
  const app = await NestFactory.create(module, new FastifyAdapter(), { logger: false, abortOnError: false });
  try {
    return openApiOf(app);
  } finally {
    await app.close();
  }
};
