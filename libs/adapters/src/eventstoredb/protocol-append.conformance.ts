import {
  ANY,
  type AppendExpectedRevision,
  type EventStoreDBClient,
  NO_STREAM,
  STREAM_EXISTS,
} from '@eventstore/db-client';
import { bareEvent, bareEvents, collected } from './testing/bare-events';
import { eventually } from './testing/eventually';

type Events = ReturnType<typeof bareEvents>;

export const appendProtocol = (client: () => EventStoreDBClient, fresh: () => string): void => {
  const append = async (stream: string, expectedRevision: AppendExpectedRevision, events: Events) =>
    client().appendToStream(stream, events, { expectedRevision });
  const ids = async (stream: string): Promise<string[]> =>
    (await collected(client().readStream(stream))).map(({ id }) => id);
  const wrong = (current: bigint | 'no_stream') => ({ type: 'wrong-expected-version', actualVersion: current });

  describe('an append at a revision', () => {
    test('is written where that is the last one, without a look at the ids', async () => {
      const [stream, a] = [fresh(), bareEvent('a')];
      expect(await append(stream, NO_STREAM, [a])).toMatchObject({ success: true, nextExpectedRevision: 0n });
      expect(await append(stream, 0n, [a])).toMatchObject({ success: true, nextExpectedRevision: 1n });
      expect(await ids(stream)).toEqual([a.id, a.id]);
    });

    test('succeeds without writing where the same ids are stored there, though the stream has grown', async () => {
      const [stream, list, later] = [fresh(), bareEvents(3), bareEvents(2)];
      await append(stream, NO_STREAM, list.slice(0, 1));
      await append(stream, 0n, list.slice(1));
      await append(stream, 2n, later);
      expect(await append(stream, 0n, list.slice(1))).toMatchObject({ success: true, nextExpectedRevision: 2n });
      expect(await append(stream, NO_STREAM, list)).toMatchObject({ success: true, nextExpectedRevision: 2n });
      expect(await ids(stream)).toHaveLength(5);
    });

    test('compares ids alone: other contents under the same id count as the same', async () => {
      const [stream, a] = [fresh(), bareEvent('a')];
      await append(stream, NO_STREAM, [a]);
      const changed = { ...a, data: new Uint8Array(Buffer.from('b')) };
      expect(await append(stream, NO_STREAM, [changed])).toMatchObject({ success: true });
      const [stored] = await collected(client().readStream(stream));
      expect(Buffer.from(stored?.data as Uint8Array).toString()).toBe('a');
    });

    test('is refused with the last revision where any id differs, or past the end', async () => {
      const [stream, list] = [fresh(), bareEvents(3)];
      await append(stream, NO_STREAM, list);
      const [a, b, c] = list as [Events[0], Events[0], Events[0]];
      await expect(append(stream, 0n, [bareEvent()])).rejects.toMatchObject(wrong(2n));
      await expect(append(stream, 0n, [b, bareEvent()])).rejects.toMatchObject(wrong(2n));
      await expect(append(stream, 1n, [c, bareEvent()])).rejects.toMatchObject(wrong(2n));
      await expect(append(stream, NO_STREAM, [b, a])).rejects.toMatchObject(wrong(2n));
      await expect(append(stream, 3n, [bareEvent()])).rejects.toMatchObject(wrong(2n));
      await expect(append(fresh(), 0n, [bareEvent()])).rejects.toMatchObject(wrong('no_stream'));
      expect(await ids(stream)).toEqual(list.map(({ id }) => id));
    });

    test('of no events checks the version and answers with the last one', async () => {
      const stream = fresh();
      await append(stream, NO_STREAM, bareEvents(2));
      expect(await append(stream, 1n, [])).toMatchObject({ nextExpectedRevision: 1n });
      await expect(append(stream, 5n, [])).rejects.toMatchObject(wrong(1n));
    });

    test('is one transaction, however many frames it takes', async () => {
      const [stream, list] = [fresh(), bareEvents(200)];
      await client().appendToStream(stream, list, { expectedRevision: NO_STREAM, batchAppendSize: 1_000 });
      expect(await ids(stream)).toEqual(list.map(({ id }) => id));
    });
  });

  describe('an append at any revision', () => {
    test('is recognised by a recent id of the same stream', async () => {
      const [stream, list] = [fresh(), bareEvents(2)];
      await append(stream, ANY, list);
      expect(await append(stream, ANY, list)).toMatchObject({ success: true, nextExpectedRevision: 1n });
      await expect(append(stream, ANY, [...list, bareEvent()])).rejects.toMatchObject({
        type: 'wrong-expected-version',
      });
      await append(stream, ANY, bareEvents(1));
      expect(await ids(stream)).toHaveLength(3);
    });

    test('of a stream that must exist is refused where it does not', async () => {
      const stream = fresh();
      await expect(append(stream, STREAM_EXISTS, bareEvents(1))).rejects.toMatchObject(wrong('no_stream'));
      await append(stream, NO_STREAM, bareEvents(1));
      expect(await append(stream, STREAM_EXISTS, bareEvents(1))).toMatchObject({ nextExpectedRevision: 1n });
    });
  });

  describe('deletion', () => {
    test('goes on numbering where it was soft: an append at no_stream is a success at another revision', async () => {
      const stream = fresh();
      await append(stream, NO_STREAM, bareEvents(3));
      await client().deleteStream(stream);
      await expect(append(stream, STREAM_EXISTS, bareEvents(1))).rejects.toMatchObject({ type: 'stream-deleted' });
      expect(await append(stream, NO_STREAM, bareEvents(1))).toMatchObject({ nextExpectedRevision: 3n });
      // The server moves $tb in a write of its own, after the one that it answers (EventStore issue 1744).
      const read = (): ReturnType<typeof collected> => collected(client().readStream(stream));
      expect((await eventually(read)).map(({ revision }) => revision)).toEqual([3n]);
    });

    test('soft as it is, does not forget what was written: the same events at no_stream are a repetition', async () => {
      const [stream, list] = [fresh(), bareEvents(2)];
      await append(stream, NO_STREAM, list);
      await client().deleteStream(stream);
      const repetition = append(stream, NO_STREAM, list);
      const { serverVersion } = await client()['capabilities'];
      if (/^23\.10\.0\b/.test(serverVersion)) {
        // It knows the repetition, and breaks the call over its own answer (KurrentDB issue 4058).
        await expect(repetition).rejects.toMatchObject({ type: 'unknown' });
      } else {
        const repeated = await repetition;
        expect(repeated).toMatchObject({ success: true, nextExpectedRevision: 1n });
        // The server reads the place of what it has, and what is hidden it does not find (IndexWriter.cs, `IdempotentLogPosition`).
        expect(repeated.position).toBeUndefined();
      }
      await expect(append(stream, NO_STREAM, [...list.slice(0, 1), bareEvent()])).rejects.toMatchObject(wrong(1n));
    });

    test('ends a name for ever where it is hard', async () => {
      const stream = fresh();
      await append(stream, NO_STREAM, bareEvents(1));
      await client().tombstoneStream(stream);
      for (const expected of [ANY, NO_STREAM, 0n, STREAM_EXISTS] as const) {
        await expect(append(stream, expected, bareEvents(1))).rejects.toMatchObject({ type: 'stream-deleted' });
      }
      await expect(collected(client().readStream(stream))).rejects.toMatchObject({ type: 'stream-deleted' });
      await expect(client().getStreamMetadata(stream)).rejects.toMatchObject({ type: 'stream-deleted' });
    });

    test('at a wrong version is refused', async () => {
      const stream = fresh();
      await append(stream, NO_STREAM, bareEvents(1));
      await expect(client().deleteStream(stream, { expectedRevision: 7n })).rejects.toMatchObject({
        type: 'wrong-expected-version',
      });
      await expect(client().tombstoneStream(stream, { expectedRevision: 7n })).rejects.toMatchObject({
        type: 'wrong-expected-version',
      });
    });
  });

  describe('an append of', () => {
    test('more than the server takes is refused, and nothing of it is stored', async () => {
      const [stream, events] = [fresh(), bareEvents(4)];
      const large = events.map((event) => ({ ...event, data: new Uint8Array(512 * 1024) }));
      const outcome = await append(stream, NO_STREAM, large).then(
        () => 'stored',
        (error: { type: string }) => error.type,
      );
      // By default MaxAppendSize is 1 MiB up to 25.0; whoever takes more takes all of it.
      if (outcome === 'stored') expect(await ids(stream)).toHaveLength(4);
      else {
        expect(outcome).toBe('maximum-append-size-exceeded');
        await expect(ids(stream)).rejects.toMatchObject({ type: 'stream-not-found' });
      }
    });

    test('900 KiB in one event passes', async () => {
      const stream = fresh();
      const large = { ...bareEvent(), data: new Uint8Array(900 * 1024 - 100) };
      expect(await append(stream, NO_STREAM, [large])).toMatchObject({ success: true });
    });

    test('bytes and metadata comes back as it was, with the place and the time', async () => {
      const stream = fresh();
      const data = Uint8Array.from({ length: 256 }, (_, index) => index);
      const metadata = new Uint8Array(Buffer.from('{"zebra":1,"apple":{"y":1,"x":null}}'));
      const before = Date.now();
      const { position } = await append(stream, NO_STREAM, [{ ...bareEvent(), data, metadata }]);
      const [stored] = await collected(client().readStream(stream));
      expect(stored?.data).toEqual(data);
      expect(JSON.stringify(stored?.metadata)).toBe('{"zebra":1,"apple":{"y":1,"x":null}}');
      expect(stored).toMatchObject({ isJson: false, revision: 0n, streamId: stream, position });
      expect(stored?.position?.commit).toBe(stored?.position?.prepare);
      expect(Math.abs((stored?.created.getTime() ?? 0) - before)).toBeLessThan(10_000);
    });
  });
};
