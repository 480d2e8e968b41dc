import fs from 'node:fs';
import { LogOutput } from './log-output';

const failing = (code: string): never => {
  throw Object.assign(new Error(code), { code });
};
const LINE = 'a line of the log\n';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** An output that writes as it is told to at each attempt, and what came out. */
const outputOf = (attempts: (number | string)[]) => {
  let text = '';
  const output = new LogOutput((bytes) => {
    const next = attempts.shift() ?? bytes.length;
    if (typeof next === 'string') return failing(next);
    text += Buffer.from(bytes.subarray(0, next)).toString('utf8');
    return next;
  });
  return { output, text: () => text };
};

test.each(['EPIPE', 'ENOSPC', 'EIO'])('FLT-84: a line that cannot be written (%s) is dropped and counted', (code) => {
  const { output, text } = outputOf([code, code]);
  for (let i = 0; i < 3; i++) output.write(LINE);
  expect(output.dropped).toBe(2);
  expect(text()).toBe(LINE); // the third: there is room again
});

test('FLT-84: a line that cannot be written turns up nowhere else, and what it says is seen by nobody', () => {
  const elsewhere = [
    jest.spyOn(fs, 'writeSync').mockImplementation(() => 0),
    jest.spyOn(process.stdout, 'write').mockImplementation(() => true),
    jest.spyOn(process.stderr, 'write').mockImplementation(() => true),
  ];
  const { output } = outputOf(['ENOSPC', 5, 'EPIPE']);
  output.write(LINE);
  output.write(LINE);
  const seen = elsewhere.flatMap((write): unknown[] => write.mock.calls);
  for (const write of elsewhere) write.mockRestore();
  expect([output.dropped, seen]).toEqual([2, []]);
});

test('FLT-84: a reader that is behind is given the lines later, in order, each once', () => {
  const { output, text } = outputOf([5, 'EAGAIN', 'EAGAIN', 3]);
  output.write(LINE);
  output.write(LINE);
  expect(text()).toBe(LINE.slice(0, 5));
  jest.advanceTimersByTime(1_000);
  expect(text()).toBe(LINE + LINE);
  expect(output.dropped).toBe(0);
});

test('FLT-84: of a reader that stands still no more than a megabyte waits', () => {
  const { output } = outputOf(Array.from({ length: 10_000 }, () => 'EAGAIN'));
  const long = 'x'.repeat(1024);
  for (let i = 0; i < 1_030; i++) output.write(long);
  expect(output.dropped).toBe(6);
});

test('after half a line the next one begins on its own', () => {
  const { output, text } = outputOf([5, 'ENOSPC']);
  output.write(LINE);
  output.write(LINE);
  expect(text()).toBe(`${LINE.slice(0, 5)}\n${LINE}`);
  expect(output.dropped).toBe(1);
});
