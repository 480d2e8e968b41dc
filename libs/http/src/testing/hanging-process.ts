/** A process that does not come to an end by itself: what it has accepted is never finished. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { createLogger } from '../server/http-log';
import { PartsModule } from '../server/parts.module';

const hanging = { drain: (): Promise<void> => new Promise(() => undefined), close: async () => undefined };

const start = async (): Promise<void> => {
  const module = PartsModule.of(hanging, createLogger('error'));
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  app.enableShutdownHooks([], { useProcessExit: true });
  setInterval(() => undefined, 1_000); // a context alone keeps no process alive
  process.stdout.write('ready\n');
};

start().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(2);
});
