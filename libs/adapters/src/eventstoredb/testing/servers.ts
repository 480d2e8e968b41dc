import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DoubleOptions, type EventStoreDbDouble, startDouble } from './double';

export interface NamedServer {
  readonly name: string;
  url(): Promise<string>;
}

/**
 * The servers that a suite runs on: the double, and the real one at EVENTSTORE_URL where that is set. REQUIRE_EVENTSTORE
 * makes it an error that it is not, so that a job for the real server cannot pass by skipping.
 */
export const servers = (): NamedServer[] => {
  const { EVENTSTORE_URL: real, REQUIRE_EVENTSTORE: required } = process.env;
  if (real === undefined && required === '1') {
    throw new Error('REQUIRE_EVENTSTORE=1, but EVENTSTORE_URL is not set: give the connection string of a server');
  }
  const double = doubles();
  let running: Promise<EventStoreDbDouble> | undefined;
  const list: NamedServer[] = [{ name: 'the double', url: async () => (await (running ??= double())).url }];
  if (real !== undefined) {
    const url = usable(real);
    list.push({ name: `the server at ${withoutLogin(real)}`, url: async () => url });
  }
  return list;
};

const withoutLogin = (url: string): string => url.replace(/\/\/[^@/]*@/, '//');

/** Without TLS nobody would hear of a user, so the adapter takes none; the server's makers write one all the same. */
const usable = (url: string): string => {
  if (!/[?&]tls=false/i.test(url) || withoutLogin(url) === url) return url;
  process.stderr.write('EVENTSTORE_URL has a user and tls=false: the user is left out\n');
  return withoutLogin(url);
};

/** Starts doubles, each on a folder of its own unless told which; all are stopped after the tests of the file. */
export const doubles = (): ((options?: DoubleOptions, folder?: string) => Promise<EventStoreDbDouble>) => {
  const started: EventStoreDbDouble[] = [];
  const folders: string[] = [];
  afterAll(async () => {
    await Promise.all(started.map((double) => double.stop()));
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  return async (options = {}, folder = mkdtempSync(path.join(tmpdir(), 'drawdown-'))) => {
    if (!folders.includes(folder)) folders.push(folder);
    const double = await startDouble(folder, options);
    started.push(double);
    return double;
  };
};
