import 'reflect-metadata';
import { DataFolderInUse, DataFolderUnusable } from '@drawdown/adapters/embedded/data-folder';
import { EventStoreDbUnfit } from '@drawdown/adapters/eventstoredb/start-check';
import { BadServerSettings } from '@drawdown/adapters/server-settings';
import { DatabaseTooNew } from '@drawdown/delivery';
import { CannotListen, checkAddress, createHttp, createLogger, listenAt, outliveReaders, say } from '@drawdown/http';
import { LogDamaged, PartitionCountDiffers, TopicsOfAnotherStore } from '@drawdown/ledger';
import { makeFirstKey } from '@drawdown/commands';
import { UnreadableEvent } from '@drawdown/kernel';
import { StoreUnavailable } from '@drawdown/ports';
import { awaitLog } from './await-log';
import { FolderOfAnotherStore } from './folder-store';
import { openParts } from './parts';
import { makeSample } from './sample';
import { BadSettings, readSettings } from './settings';
import { StandaloneModule } from './standalone.module';
import { ShardCountDiffers } from './store-header';
import { KEY_REPLACED, welcome } from './welcome';

/** Failures that say what to do next; a stack would only hide it. */
const EXPECTED = [
  ...[BadSettings, BadServerSettings, CannotListen, DataFolderUnusable],
  ...[DataFolderInUse, FolderOfAnotherStore, DatabaseTooNew, EventStoreDbUnfit, ShardCountDiffers],
  ...[PartitionCountDiffers, TopicsOfAnotherStore, UnreadableEvent, LogDamaged, StoreUnavailable],
];

const start = async (): Promise<void> => {
  const settings = readSettings(process.env);
  const logger = createLogger(settings.logLevel);
  await checkAddress(settings); // before anything is opened or made
  const entrance = await awaitLog(settings, logger);
  const parts = await openParts(settings, logger);
  if (settings.sample) await makeSample(parts);
  const app = await createHttp(StandaloneModule.of(parts, settings, logger));
  // Ended in order is ended well: exit code 0, not death by the signal that asked for it.
  app.enableShutdownHooks([], { useProcessExit: true });
  await entrance.free();
  await listenAt(app, { host: settings.host, port: entrance.port });
  const firstKey = settings.adminKey === undefined ? await makeFirstKey(parts.catalogue) : null;
  const text = welcome({
    url: await app.getUrl(),
    newKey: firstKey?.secret ?? null,
    isKeySet: settings.adminKey !== undefined,
    hasSample: settings.sample,
    now: parts.clock.now(),
  });
  const isSaid = await say(text);
  // Unsaid, it is replaced at the next start. Of processes on one log another may have replaced it already.
  if (firstKey !== null && isSaid && !(await firstKey.shown())) await say(KEY_REPLACED);
};

outliveReaders();
start().catch((error: unknown) => {
  const isExpected = EXPECTED.some((type) => error instanceof type);
  const text = error instanceof Error ? (isExpected ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`Drawdown cannot start: ${text}\n`);
  // Threads that are still running would keep the process alive.
  process.exit(1);
});
