import { inProcessStream } from './in-process-stream';
import { NO_LOG } from './log';
import { type RecordBatch, StreamUnavailable } from './stream';
import { streamConformance } from './stream.conformance';

streamConformance(async () => inProcessStream());

const many = (count: number) => Array.from({ length: count }, () => ({ key: null, value: null, headers: {} }));

describe('the in-process stream', () => {
  test('refuses what would fill the memory while a consumer is far behind', async () => {
    const stream = inProcessStream();
    await stream.ensureTopic('t', 2);
    await stream.consume(['t'], 'stuck', { handle: () => Promise.reject(new Error('never')) });
    for (let i = 0; i < 10; i++) await stream.send('t', 0, many(10_000));
    await expect(stream.send('t', 0, many(1))).rejects.toBeInstanceOf(StreamUnavailable);
    await stream.send('t', 1, many(1));
    await stream.close();
  });

  test('keeps the newest ten thousand for groups that come later, and offsets go on', async () => {
    const stream = inProcessStream();
    await stream.ensureTopic('t', 1);
    for (let i = 0; i < 50; i++) await stream.send('t', 0, many(1_000));
    const batches: RecordBatch[] = [];
    await stream.consume(['t'], 'late', { handle: async (batch) => void batches.push(batch) });
    while (batches.at(-1)?.records.at(-1)?.offset !== 49_999) await new Promise((resolve) => setTimeout(resolve, 5));
    const first = batches[0]?.records[0]?.offset ?? 0;
    expect(first).toBeGreaterThanOrEqual(30_000);
    expect(first).toBeLessThanOrEqual(40_000);
    expect(batches.flatMap(({ records }) => records.map(({ offset }) => offset - first))).toEqual(
      Array.from({ length: 50_000 - first }, (_, i) => i),
    );
    await stream.close();
  });

  test('logs what a consumer rejects', async () => {
    const warnings: unknown[] = [];
    const stream = inProcessStream({ ...NO_LOG, warn: (fields) => void warnings.push(fields) });
    await stream.ensureTopic('t', 1);
    await stream.send('t', 0, many(1));
    await stream.consume(['t'], 'g', { handle: () => Promise.reject(new Error('not now')) });
    while (warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await stream.close();
    expect(warnings[0]).toEqual({ topics: 't', group: 'g', error: 'Error: not now' });
  });

  test('knows only topics that were made, with at least one partition', async () => {
    const stream = inProcessStream();
    await expect(stream.send('nowhere', 0, many(1))).rejects.toThrow(/no topic nowhere/);
    await expect(stream.ensureTopic('t', 0)).rejects.toThrow(RangeError);
    await stream.ensureTopic('t', 1);
    await stream.close();
  });
});
