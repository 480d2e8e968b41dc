import path from 'node:path';
import { Thread, ThreadDied, threadFile } from './thread';
import type { EchoCalls, EchoData } from './testing/echo.thread';

/** How a call ended that must have rejected: whether it was delivered, and the cause's message and code. */
const deathOf = (outcome: PromiseSettledResult<unknown> | undefined): unknown => {
  const { delivered, cause } = (outcome as PromiseRejectedResult).reason as ThreadDied;
  const { message, code } = cause as Error & { readonly code?: string };
  return { delivered, message, code };
};

const opened: Thread<EchoCalls>[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((thread) => thread.close()));
});

const open = (data: Partial<EchoData> = {}) => {
  const startFails = new Int32Array(new SharedArrayBuffer(4));
  const deaths = jest.fn<undefined, [Error]>();
  const starts = jest.fn();
  const given = { startFails: startFails.buffer, closeFails: false, ...data };
  const file = threadFile(path.join(__dirname, 'testing'), 'echo.thread');
  const thread = new Thread<EchoCalls>(file, given, { onDeath: deaths, onStart: starts });
  opened.push(thread);
  return { thread, deaths, starts, setStartFails: (fails: boolean) => Atomics.store(startFails, 0, fails ? 1 : 0) };
};

test('answers each call with its own answer', async () => {
  const { thread, starts } = open();
  const values = Array.from({ length: 50 }, (_, index) => ({ index, bytes: new Uint8Array([index]) }));
  const answers = await Promise.all(values.map((value, index) => thread.call(index % 2 ? 'echo' : 'echoLater', value)));
  expect(answers).toEqual(values);
  expect(starts).toHaveBeenCalledTimes(1);
});

test('moves what is to be transferred', async () => {
  const { thread } = open();
  const bytes = new Uint8Array([1, 2, 3]);
  expect(await thread.call('echo', bytes, [bytes.buffer])).toEqual(new Uint8Array([1, 2, 3]));
  expect(bytes.byteLength).toBe(0);
});

test('a call that throws rejects with name, message and code, and the thread goes on', async () => {
  const { thread, deaths } = open();
  const failure = { name: 'TypeError', message: 'told to fail', code: 'OUCH' };
  await expect(thread.call('fail', 'OUCH')).rejects.toMatchObject(failure);
  await expect(thread.call('answerUncloneably', undefined)).rejects.toMatchObject({ name: 'DataCloneError' });
  await expect(thread.call('echo', () => undefined)).rejects.toMatchObject({ name: 'DataCloneError' });
  expect(await thread.call('echo', 1)).toBe(1);
  expect(deaths).not.toHaveBeenCalled();
});

test('a thread that dies rejects what is under way, says why, and starts again with the next call', async () => {
  const { thread, deaths, starts } = open();
  const lost = [thread.call('echoLater', 1), thread.call('throwOutside', 'outside'), thread.call('echoLater', 2)];
  const died = { delivered: true, message: 'outside', code: undefined };
  expect((await Promise.allSettled(lost)).map(deathOf)).toEqual([died, died, died]);
  expect(deaths.mock.calls).toMatchObject([[{ message: 'outside' }]]);
  expect(await Promise.all([thread.call('echo', 3), thread.call('echo', 4)])).toEqual([3, 4]);
  expect(starts).toHaveBeenCalledTimes(2);
});

test('what was answered before the end counts as answered', async () => {
  const { thread } = open();
  const calls = [thread.call('echo', 1), thread.call('exit', undefined), thread.call('echo', 2)];
  const [first, exit, second] = await Promise.allSettled(calls);
  expect(first).toEqual({ status: 'fulfilled', value: 1 });
  const died = { delivered: true, message: 'the thread ended with exit code 3', code: undefined };
  expect([exit, second].map(deathOf)).toEqual([died, died]);
});

test('there is never more than one thread, though it is called again while it dies', async () => {
  const { thread, deaths, starts, setStartFails } = open();
  setStartFails(true);
  const again: Promise<unknown>[] = [];
  deaths.mockImplementationOnce(() => {
    setStartFails(false);
    again.push(thread.call('echo', 'from inside the end'));
    return undefined;
  });
  await expect(thread.call('echo', 'first')).rejects.toMatchObject({ delivered: false });
  again.push(thread.call('echo', 'afterwards'));
  expect(await Promise.all(again)).toEqual(['from inside the end', 'afterwards']);
  expect(starts).toHaveBeenCalledTimes(1);
});

test('a start that fails rejects those who wait as not delivered; the pace of starts is limited', async () => {
  const { thread, setStartFails } = open();
  setStartFails(true);
  const began = performance.now();
  for (let round = 0; round < 3; round++) {
    const outcomes = await Promise.allSettled([thread.call('echo', 1), thread.call('echo', 2)]);
    const failed = { delivered: false, message: 'no start', code: 'NO_START' };
    expect(outcomes.map(deathOf)).toEqual([failed, failed]);
  }
  expect(performance.now() - began).toBeGreaterThan(390);
  setStartFails(false);
  expect(await thread.call('echo', 1)).toBe(1);
});

test('closing waits for what is under way and refuses what comes later', async () => {
  const { thread, deaths } = open();
  const calls = [thread.call('echoLater', 1), thread.call('echo', 2)];
  const closed = Promise.all([thread.close(), thread.close()]);
  await expect(thread.call('echo', 3)).rejects.toMatchObject({ delivered: false });
  expect(await Promise.all(calls)).toEqual([1, 2]);
  await closed;
  await expect(thread.call('echo', 3)).rejects.toMatchObject({ delivered: false });
  expect(deaths).not.toHaveBeenCalled();
});

test('closing what never started, or what cannot close, comes to an end', async () => {
  await open().thread.close();
  const { thread } = open({ closeFails: true });
  opened.pop();
  await thread.call('echo', 1);
  await expect(thread.close()).rejects.toMatchObject({ message: 'no close' });
});

test('a thread whose file was not built is missed with a hint', () => {
  expect(() => threadFile(__dirname, 'no-such.thread')).toThrow(/no-such\.thread\.js is missing: run `npm run build`/);
});
