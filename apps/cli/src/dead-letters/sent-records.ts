import { createHash } from 'node:crypto';
import type { StreamRecord } from '@drawdown/ports';

/** Which records there were: by what they say, since a record that fails again has another place and another letter. */
export class SentRecords {
  /** Digests: the topic may be of any size, and so may its records. */
  private readonly digests = new Set<string>();

  /** True the first time that a record to this topic is asked for. */
  isNew(topic: string, record: StreamRecord): boolean {
    const digest = digestOf(topic, record);
    if (this.digests.has(digest)) return false;
    this.digests.add(digest);
    return true;
  }
}

const digestOf = (topic: string, { key, value, headers }: StreamRecord): string => {
  const names = Object.keys(headers).sort();
  const head = JSON.stringify([topic, key, value === null, names.map((name) => [name, headers[name]])]);
  // JSON ends where its bracket closes, so that no head and value look like another head and value.
  return createHash('sha256')
    .update(head)
    .update(value ?? '')
    .digest('base64');
};
