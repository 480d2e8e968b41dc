import { BYTES_NEEDED, complaintsAbout, type TopicSettings } from './topic-settings';

const good: TopicSettings = {
  ...{ maxBytes: 1_048_588, cleanupPolicy: 'delete', minInsync: 2, replicas: 3, brokers: 3 },
};

test.each<readonly [string, Partial<TopicSettings>, RegExp | null]>([
  ['three replicas, two of them in sync', {}, null],
  ['one broker', { brokers: 1, replicas: 1, minInsync: 1 }, null],
  ['nothing is told', { maxBytes: null, cleanupPolicy: null, minInsync: null }, null],
  ['one replica on three brokers', { replicas: 1, minInsync: 1 }, /one replica on 3 brokers.*everything stands/],
  ['one in sync is enough', { minInsync: 1 }, /of 3 replicas one may acknowledge alone.*min.insync.replicas=2/],
  [
    'as many in sync as there are',
    { minInsync: 3 },
    /min.insync.replicas=3 of 3 replicas: with one broker down nothing/,
  ],
  ['more in sync than there are', { minInsync: 4 }, /min.insync.replicas=4 of 3 replicas: nothing can be written/],
  ['two of two', { replicas: 2 }, /min.insync.replicas=2 of 2 replicas: with one broker down/],
  ['little room', { maxBytes: BYTES_NEEDED - 1 }, /takes 1009999 bytes.*raise max.message.bytes to at least 1010000/],
  ['compacted', { cleanupPolicy: 'compact,delete' }, /vanish; set cleanup.policy=delete/],
])('of a topic with %s is said what does not fit', (_, changed, complaint) => {
  const said = complaintsAbout({ ...good, ...changed });
  expect(said).toEqual(complaint === null ? [] : [expect.stringMatching(complaint)]);
});
