import { execFileSync } from 'node:child_process';
import { appendAndKill, checkAppended, startAppender } from './testing/appending';
import { folders } from './testing/folders';

const freshFolder = folders();

test('200 kills lose and double nothing', async () => {
  const folder = freshFolder();
  await checkAppended(folder, await appendAndKill(folder, 8, 200));
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux.each([1_500, 6_000])(
  'a process that may write no file over %d KiB goes on when it may again',
  async (limit) => {
    const folder = freshFolder();
    // POSIX sh counts blocks of 512 bytes. The soft limit only: that one can be lifted from outside.
    const appender = await startAppender(folder, 4, `ulimit -S -f ${String(2 * limit)}`);
    while (appender.failures.length < 40) await appender.said();
    expect(new Set(appender.failures)).toEqual(new Set(['store_unavailable']));
    const full = new Map(appender.heads);
    execFileSync('prlimit', ['--pid', String(appender.child.pid), '--fsize=unlimited']);
    while ([...full].some(([writer, head]) => (appender.heads.get(writer) ?? 0) < head + 20)) await appender.said();
    await appender.kill();
    await checkAppended(folder, appender.heads);
  },
);
