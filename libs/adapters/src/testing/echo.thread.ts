/** A thread for the spec of Thread. */
import { setTimeout as pause } from 'node:timers/promises';
import { serveThread } from '../serve-thread';

export interface EchoCalls {
  echo(value: unknown): unknown;
  echoLater(value: unknown): Promise<unknown>;
  fail(code: string): void;
  answerUncloneably(): unknown;
  exit(): void;
  throwOutside(message: string): Promise<never>;
}

export interface EchoData {
  readonly startFails: SharedArrayBuffer;
  readonly closeFails: boolean;
}

serveThread<EchoCalls, EchoData>(async ({ startFails, closeFails }) => {
  await pause(1);
  if (Atomics.load(new Int32Array(startFails), 0) === 1)
    throw Object.assign(new Error('no start'), { code: 'NO_START' });
  return {
    calls: {
      echo: (value) => value,
      echoLater: async (value) => {
        await pause(5);
        return value;
      },
      fail: (code) => {
        throw Object.assign(new TypeError('told to fail'), { code });
      },
      answerUncloneably: () => () => undefined,
      exit: () => process.exit(3),
      throwOutside: (message) =>
        new Promise(() =>
          setImmediate(() => {
            throw new Error(message);
          }),
        ),
    },
    close: () => {
      if (closeFails) throw new Error('no close');
    },
  };
});
