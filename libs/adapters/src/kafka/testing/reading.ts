import type { Stream } from '@drawdown/ports';

const WAIT_MS = 45_000;
const LOOK_EVERY_MS = 10;

/** Waits for a condition, up to a limit. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>, limit = WAIT_MS): Promise<void> => {
  const end = performance.now() + limit;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
};

/** All that a partition holds at the moment, as text. */
export const textsOf = async (stream: Stream, topic: string, partition: number): Promise<string[]> => {
  const { oldest, end } = (await stream.boundsOf(topic))[partition] ?? { oldest: 0, end: 0 };
  const texts: string[] = [];
  if (oldest === end) return texts;
  for await (const { records } of stream.follow(topic, partition, oldest, new AbortController().signal)) {
    texts.push(...records.map(({ value }) => value?.toString() ?? ''));
    if ((records.at(-1)?.offset ?? 0) >= end - 1) break;
  }
  return texts;
};

let made = 0;
export const newName = (what: string): string =>
  `${what}-${String(process.pid)}-${String(Math.floor(performance.timeOrigin))}-${String((made += 1))}`;

export const record = (text: string) => ({ key: null, value: Buffer.from(text), headers: {} });
