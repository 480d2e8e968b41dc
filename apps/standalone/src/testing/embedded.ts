import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createHttp, createLogger } from '@drawdown/http';
import { NO_LOG } from '@drawdown/ports';
import { openParts } from '../parts';
import { makeSample, SAMPLE_ORGANIZATION } from '../sample';
import { readSettings } from '../settings';
import { StandaloneModule } from '../standalone.module';
import { ADMIN_KEY } from './in-memory';
import { until } from './until';

/** One read of each read model: until that is built, it is refused. */
const READS = [
  ...['transactions', 'breakdown?by=user', 'burn-rate?wallet=credits', 'burndown?wallet=credits'].map(
    (read) => `/v1/organizations/${SAMPLE_ORGANIZATION}/${read}`,
  ),
  ...['/v1/quarantine', '/v1/me/usage'],
];
/** On a machine that others use at the same time: they are built by a thread that goes behind the others. */
const BUILT_MAX_MS = 30_000;

export interface EmbeddedServer {
  readonly url: string;
  /** Stops it; its data folder is gone then. */
  readonly close: () => Promise<void>;
}

/** The whole process on its real stores, with the sample organization and all read models, in a folder of its own. */
export const openEmbedded = async (): Promise<EmbeddedServer> => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drawdown-embedded-'));
  const settings = readSettings({ DRAWDOWN_DATA: folder, DRAWDOWN_ADMIN_KEY: ADMIN_KEY });
  const parts = await openParts(settings, NO_LOG);
  await makeSample(parts);
  const app = await createHttp(StandaloneModule.of(parts, settings, createLogger('silent')));
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  for (const read of READS) {
    const person = read.startsWith('/v1/me/') ? { 'drawdown-user': 'nobody' } : {};
    const isBuilt = async (): Promise<boolean> => {
      const answer = await fetch(url + read, { headers: { ...headers, ...person } });
      await answer.arrayBuffer();
      return answer.ok;
    };
    await until(`${read} is answered`, BUILT_MAX_MS, isBuilt);
  }
  return {
    url,
    close: async () => {
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
