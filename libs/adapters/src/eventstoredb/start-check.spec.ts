import { status } from '@grpc/grpc-js';
import { EventStoreDBClient } from '@eventstore/db-client';
import { checkEventStoreDb } from './start-check';
import { bareEvents } from './testing/bare-events';
import { eventually } from './testing/eventually';
import { doubles } from './testing/servers';

const double = doubles();
const streams = ['ledger-0', 'ledger-1'];

const problems = async (check: Promise<void>): Promise<string> => {
  const error: unknown = await check.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'event_store_unfit' });
  return (error as Error).message;
};

test('a fit server passes, again and again, and no call is left open', async () => {
  const { url, faults } = await double();
  await checkEventStoreDb(url, { streams });
  await Promise.all([checkEventStoreDb(url, { streams }), checkEventStoreDb(url, { streams, prefix: 'test-' })]);
  await eventually(() => (faults.batchCalls === 0 ? Promise.resolve() : Promise.reject(new Error('still open'))));
});

test.each([
  ['20.10.2', 'drops a subscriber'],
  ['23.10.8', 'drops a subscriber'],
  ['24.10.0', 'skips an event'],
  ['24.10.4', 'skips an event'],
  ['25.0.0', 'skips an event'],
])('a server of version %s is refused', async (version, why) => {
  const { url } = await double({ version });
  expect(await problems(checkEventStoreDb(url, { streams }))).toMatch(new RegExp(`${version}.*${why}.*use 24`));
});

test.each(['24.10.5', '24.10.14', '25.0.1', '25.1.0', '26.0.3', 'unknown'])(
  'a server of version %s passes',
  async (version) => {
    const { url } = await double({ version });
    await checkEventStoreDb(url, { streams });
  },
);

test.each([{ maxCount: 10 }, { maxAge: 3_600 }, { truncateBefore: 1 }])(
  'a ledger stream whose metadata hides events is refused: %j',
  async (metadata) => {
    const { url } = await double();
    const admin = EventStoreDBClient.connectionString(url);
    await admin.setStreamMetadata('test-ledger-1', metadata);
    await checkEventStoreDb(url, { streams });
    expect(await problems(checkEventStoreDb(url, { streams, prefix: 'test-' }))).toContain('test-ledger-1 has $');
    await admin.dispose();
  },
);

test.each([
  ['may come back', 'deleteStream', /ledger-0 has \$tb, which hides events: remove it from \$\$ledger-0/],
  [
    'is gone for ever',
    'tombstoneStream',
    /ledger-0 cannot be read: stream-deleted .*from a backup.*"Backup and restore"/,
  ],
] as const)('a ledger stream that somebody has deleted, and that %s, is refused', async (_, remove, why) => {
  const { url } = await double();
  const admin = EventStoreDBClient.connectionString(url);
  await admin.appendToStream('ledger-0', bareEvents(1));
  await admin[remove]('ledger-0');
  expect(await problems(checkEventStoreDb(url, { streams }))).toMatch(why);
  await admin.dispose();
});

test.each([-2_500, 2_500])('a clock that is %d ms apart is refused', async (skew) => {
  const { url } = await double();
  // What asking takes is taken off what they are apart: where a busy machine takes half a second, it says nothing.
  const refused = async (): Promise<string> =>
    problems(checkEventStoreDb(url, { streams, now: () => Date.now() + skew }));
  expect(await eventually(refused)).toMatch(/differ by 2\d{3} ms/);
  await checkEventStoreDb(url, { streams, now: () => Date.now() + Math.sign(skew) * 1_500 });
});

test('a server that is away, or has trouble, is not unfit: it is asked again later', async () => {
  const { url, faults, stop } = await double();
  faults.readsFail = status.UNAVAILABLE;
  const troubled = checkEventStoreDb(url, { streams });
  await expect(troubled).rejects.toMatchObject({ code: 'store_unavailable' });
  await expect(troubled).rejects.toThrow(/ledger-0 cannot be read/);
  faults.readsFail = undefined;
  await checkEventStoreDb(url, { streams });
  await stop();
  await expect(checkEventStoreDb(url, { streams })).rejects.toMatchObject({ code: 'store_unavailable' });
});

test('a server that refuses to be asked is unfit, with the reason and all that is wrong at once', async () => {
  const { url, faults } = await double({ version: '24.10.1' });
  faults.readsFail = status.UNAUTHENTICATED;
  const message = await problems(checkEventStoreDb(url, { streams }));
  expect(message).toContain('24.10.1');
  expect(message).toMatch(/ledger-0 cannot be read: access denied/);
});
