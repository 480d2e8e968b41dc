/** A process that does not come to an end by itself: what it has accepted is never finished. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { createLogger } from '../server/http-log';
import { PrometheusMetrics } from '../server/metrics';
import { PartsModule } from '../server/parts.module';

const start = async (): Promise<void> => {
  const hanging = { drain: () => new Promise<void>(() => undefined), close: async () => undefined };
  const module = PartsModule.of(hanging, { log: createLogger('error'), metrics: new PrometheusMetrics() });
  const app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), { logger: false });
  app.enableShutdownHooks([], { useProcessExit: true });
  await app.listen(0, '127.0.0.1');
  process.stdout.write('it listens\n');
};

start().catch((error: unknown) => {
  process.stderr.write(String(error));
  process.exit(2);
});
