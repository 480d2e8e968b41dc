import { once } from 'node:events';
import {
  BACKWARDS,
  END,
  type EventStoreDBClient,
  FORWARDS,
  NO_STREAM,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import { bareEvents, collected } from './testing/bare-events';

export const readProtocol = (client: () => EventStoreDBClient, fresh: () => string): void => {
  const revisions = async (...read: Parameters<EventStoreDBClient['readStream']>): Promise<number[]> =>
    (await collected(client().readStream(...read))).map(({ revision }) => Number(revision));
  /** A stream of so many events, with the position of the first and the last. */
  const filled = async (count: number, stream = fresh()) => {
    await client().appendToStream(stream, bareEvents(count), { expectedRevision: NO_STREAM });
    const stored = await collected(client().readStream(stream));
    const positions = stored.map(({ position }) => position ?? { commit: -1n, prepare: -1n });
    return { stream, positions };
  };

  describe('a read', () => {
    test('begins with the revision it is given, in both directions', async () => {
      const { stream } = await filled(5);
      expect(await revisions(stream, { fromRevision: 2n })).toEqual([2, 3, 4]);
      expect(await revisions(stream, { fromRevision: 2n, direction: BACKWARDS })).toEqual([2, 1, 0]);
      expect(await revisions(stream, { fromRevision: START, maxCount: 2, direction: FORWARDS })).toEqual([0, 1]);
      expect(await revisions(stream, { fromRevision: END, maxCount: 2, direction: BACKWARDS })).toEqual([4, 3]);
      expect(await revisions(stream, { fromRevision: 9n })).toEqual([]);
    });

    test('of a stream that does not exist, or was deleted, fails while it is read', async () => {
      await expect(collected(client().readStream(fresh()))).rejects.toMatchObject({ type: 'stream-not-found' });
      const { stream } = await filled(1);
      await client().deleteStream(stream);
      await expect(collected(client().readStream(stream))).rejects.toMatchObject({ type: 'stream-not-found' });
    });

    test('skips what metadata hides, without a word', async () => {
      const { stream } = await filled(5);
      await client().setStreamMetadata(stream, { maxCount: 2 });
      expect(await revisions(stream)).toEqual([3, 4]);
      await client().setStreamMetadata(stream, { truncateBefore: 1 });
      expect(await revisions(stream)).toEqual([1, 2, 3, 4]);
      expect(await client().getStreamMetadata(stream)).toMatchObject({ metadata: { truncateBefore: 1 } });
    });

    test('of all streams begins with the position it is given, and positions grow', async () => {
      const { stream, positions } = await filled(3);
      const [first, second, third] = positions.map(({ commit }) => commit);
      expect(
        first !== undefined && second !== undefined && third !== undefined && first < second && second < third,
      ).toBe(true);
      const read = client().readAll({ fromPosition: positions[1] ?? START, maxCount: 1 });
      const [found] = await collected(read);
      expect(found).toMatchObject({ streamId: stream, revision: 1n });
    });
  });

  describe('a subscription', () => {
    test('begins after the revision it is given', async () => {
      const { stream } = await filled(5);
      const after = client().subscribeToStream(stream, { fromRevision: 2n });
      expect((await collected(after, 2)).map(({ revision }) => revision)).toEqual([3n, 4n]);
      const all = client().subscribeToStream(stream, { fromRevision: START });
      expect(await collected(all, 5)).toHaveLength(5);
    });

    test('of all streams begins after the position it is given, and knows prefixes', async () => {
      const stream = fresh();
      const { positions } = await filled(3, `${stream}-a`);
      await filled(2, `other-${stream}`);
      await filled(2, `${stream}-b`);
      const [fromPosition = START] = positions;
      const filter = streamNameFilter({ prefixes: [`${stream}-a`, `${stream}-b`] });
      const found = await collected(client().subscribeToAll({ fromPosition, filter }), 4);
      expect(found.map(({ streamId, revision }) => `${streamId.slice(stream.length)}/${String(revision)}`)).toEqual([
        '-a/1',
        '-a/2',
        '-b/0',
        '-b/1',
      ]);
    });

    test('knows a regex that leaves out the streams of the system', async () => {
      const { stream } = await filled(1);
      await client().setStreamMetadata(stream, { cacheControl: 5 });
      const { stream: next, positions } = await filled(1);
      const [before] = await collected(client().readStream(stream));
      const filter = streamNameFilter({ regex: '^[^$]' });
      const subscription = client().subscribeToAll({ fromPosition: before?.position ?? START, filter });
      for await (const { event } of subscription) {
        expect(event?.streamId.startsWith('$')).toBe(false);
        if (event?.streamId === next) break;
      }
      expect(positions).toHaveLength(1);
    });

    test('of a stream that does not exist waits for it', async () => {
      const stream = fresh();
      const subscription = client().subscribeToStream(stream);
      const waiting = collected(subscription, 2);
      await once(subscription, 'confirmation');
      await filled(2, stream);
      expect(await waiting).toHaveLength(2);
    });

    test('says that it has caught up after the last event that was there', async () => {
      const { stream } = await filled(40);
      const none = streamNameFilter({ prefixes: [`${stream}-none`] });
      for (const [subscribe, count] of [
        [() => client().subscribeToStream(stream), 40],
        [() => client().subscribeToAll({ filter: none }), 0],
      ] as const) {
        const subscription = subscribe();
        let seen = 0;
        subscription.on('data', () => (seen += 1));
        await once(subscription, 'caughtUp');
        expect(seen).toBe(count);
        await subscription.unsubscribe();
      }
    });

    test('with a filter reports how far it has looked, though nothing matches', async () => {
      const { positions } = await filled(300);
      const [fromPosition = START] = positions;
      const reported = new Promise<bigint>((resolve) => {
        const filter = streamNameFilter({
          prefixes: [`${fresh()}-none`],
          maxSearchWindow: 50,
          checkpointInterval: 1,
          checkpointReached: (subscription, { commit }) => {
            resolve(commit);
            subscription.unsubscribe().catch(() => undefined);
          },
        });
        client().subscribeToAll({ fromPosition, filter }).resume();
      });
      expect(await reported).toBeGreaterThan((fromPosition as { commit: bigint }).commit);
    });

    test('of a stream that has ended for ever fails', async () => {
      const { stream } = await filled(1);
      await client().tombstoneStream(stream);
      await expect(collected(client().subscribeToStream(stream))).rejects.toMatchObject({ type: 'stream-deleted' });
    });
  });
};
