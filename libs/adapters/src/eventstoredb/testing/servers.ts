import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { closeChannel, newClient } from '../client';
import { distinct } from '../connection-string';
import { type DoubleOptions, type EventStoreDbDouble, startDouble } from './double';

const READY_MAX_MS = 60_000;
const READY_AGAIN_MS = 500;

export interface NamedServer {
  readonly name: string;
  url(): Promise<string>;
}

/**
 * The servers that a suite runs on: the double, and the real one at EVENTSTORE_URL where that is set. REQUIRE_EVENTSTORE
 * makes it an error that it is not, so that a job for the real server cannot pass by skipping.
 */
export const servers = (): NamedServer[] => {
  const { EVENTSTORE_URL: given, REQUIRE_EVENTSTORE: required } = process.env;
  const real = given || undefined; // an empty variable is as good as none: compose files pass those
  if (real === undefined && required === '1') {
    throw new Error('REQUIRE_EVENTSTORE=1, but EVENTSTORE_URL is not set: give the connection string of a server');
  }
  const double = doubles();
  let running: Promise<EventStoreDbDouble> | undefined;
  const list: NamedServer[] = [{ name: 'the double', url: async () => (await (running ??= double())).url }];
  if (real !== undefined) {
    const url = usable(real);
    beforeAll(() => whenReady(url), READY_MAX_MS + 10_000);
    list.push({ name: `the server at ${withoutLogin(real)}`, url: async () => url });
  }
  return list;
};

const withoutLogin = (url: string): string => url.replace(/\/\/[^@/]*@/, '//');

/** A node that was just started refuses all until it leads its cluster. */
export const whenReady = async (url: string, withinMs = READY_MAX_MS): Promise<void> => {
  for (const end = performance.now() + withinMs; ; await pause(READY_AGAIN_MS)) {
    try {
      await asked(url);
      return;
    } catch (error) {
      if (error instanceof TooOld || performance.now() > end) throw error;
    }
  }
};

/** By a client object of its own: one keeps for good what the first answer was. The first version that says `caughtUp` is 23.10. */
const asked = async (url: string): Promise<void> => {
  const client = newClient(url);
  try {
    const { serverVersion } = await client['capabilities'];
    const [, major = '', minor = ''] = /^(\d+)\.(\d+)/.exec(serverVersion) ?? [];
    if (major !== '' && (Number(major) < 23 || (Number(major) === 23 && Number(minor) < 10))) {
      throw new TooOld(
        `EVENTSTORE_URL is of version ${serverVersion}: the suite needs 23.10, the product 24.10.14 or 26.0.3`,
      );
    }
    await client.getStreamMetadata('drawdown-is-ready');
  } finally {
    closeChannel(client);
  }
};

class TooOld extends Error {}

/**
 * As the client reads it, whom the suite asks itself, too. What the server's makers write and the adapter refuses is left
 * out aloud: a user without TLS, of whom nobody would hear, and a certificate that is not to be verified, which it is.
 */
const usable = (given: string): string => {
  const url = distinct(given, 0);
  if (/[?&]tlsVerifyCert=false/i.test(given)) {
    process.stderr.write(
      'EVENTSTORE_URL has tlsVerifyCert=false, which does nothing: give the authority by tlsCAFile\n',
    );
  }
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
