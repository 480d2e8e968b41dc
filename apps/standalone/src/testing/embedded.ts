import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { prepareFolder } from '@drawdown/adapters/embedded/testing/prepared-folder';
import { createHttp, createLogger } from '@drawdown/http';
import { NO_LOG } from '@drawdown/ports';
import { openParts } from '../parts';
import { makeSample } from '../sample';
import { readSettings } from '../settings';
import { StandaloneModule } from '../standalone.module';
import { ADMIN_KEY } from './in-memory';

export interface EmbeddedServer {
  readonly url: string;
  /** Stops it; its data folder is gone then. */
  readonly close: () => Promise<void>;
}

/** The whole process on its real stores, with the sample organization, in a folder of its own. */
export const openEmbedded = async (): Promise<EmbeddedServer> => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drawdown-embedded-'));
  await prepareFolder(path.join(folder, 'read-models'));
  const settings = readSettings({ DRAWDOWN_DATA: folder, DRAWDOWN_ADMIN_KEY: ADMIN_KEY });
  const parts = await openParts(settings, NO_LOG);
  await makeSample(parts);
  const app = await createHttp(StandaloneModule.of(parts, settings, createLogger('silent')));
  await app.listen(0, '127.0.0.1');
  return {
    url: await app.getUrl(),
    close: async () => {
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
