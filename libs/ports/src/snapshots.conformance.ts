import { randomBytes, randomUUID } from 'node:crypto';
import { SNAPSHOTS_KEPT, type Snapshot, type SnapshotStore } from './snapshots';

const save = (store: SnapshotStore, name: string, revision: number, bytes: Uint8Array): Promise<void> =>
  store.save(name, () => ({ revision, parts: [bytes] }));

/** What every snapshot store must do. `open` may give a new store each time or the same one: names are not reused. */
export const snapshotsConformance = (open: () => Promise<SnapshotStore>): void => {
  describe('as a snapshot store', () => {
    const freshName = (): string => `conformance-${randomUUID()}`;

    test('gives back the bytes', async () => {
      const [store, name] = [await open(), freshName()];
      const contents = [new Uint8Array(0), randomBytes(3_000_000), randomBytes(100).subarray(10, 20)];
      for (const [revision, bytes] of contents.entries()) await save(store, name, revision, bytes);
      for (const [revision, bytes] of contents.entries()) {
        const loaded = await store.load(name, revision);
        expect(loaded && Buffer.from(loaded).equals(bytes)).toBe(true);
      }
    });

    test('keeps its own copy of what it was given', async () => {
      const [store, name] = [await open(), freshName()];
      const bytes = Buffer.from('before');
      await save(store, name, 1, bytes);
      bytes.fill('x');
      (await store.load(name, 1))?.fill(0);
      expect(Buffer.from((await store.load(name, 1)) ?? []).toString()).toBe('before');
    });

    test('has nothing under a name or a revision that was not saved', async () => {
      const [store, name] = [await open(), freshName()];
      expect(await store.list(name)).toEqual([]);
      expect(await store.load(name, 0)).toBeUndefined();
      await save(store, name, 5, Buffer.from('five'));
      expect(await store.load(name, 4)).toBeUndefined();
      expect(await store.load(`${name}-`, 5)).toBeUndefined();
    });

    test('keeps the newest, by revision, and lists them newest first', async () => {
      const [store, name] = [await open(), freshName()];
      const revisions = [9, 100, 20, 3, 1_000_000, 11];
      for (const revision of revisions) await save(store, name, revision, Buffer.from(String(revision)));
      expect(SNAPSHOTS_KEPT).toBe(3);
      expect(await store.list(name)).toEqual([1_000_000, 100, 20]);
      expect(Buffer.from((await store.load(name, 100)) ?? []).toString()).toBe('100');
      expect(await store.load(name, 11)).toBeUndefined();
    });

    test('replaces a snapshot of the same revision', async () => {
      const [store, name] = [await open(), freshName()];
      await save(store, name, 7, Buffer.from('first'));
      await save(store, name, 7, Buffer.from('second'));
      expect(await store.list(name)).toEqual([7]);
      expect(Buffer.from((await store.load(name, 7)) ?? []).toString()).toBe('second');
    });

    test('keeps names apart, whatever characters are in them', async () => {
      const store = await open();
      const base = freshName();
      const names = ['', '/', '/..', '/../..', '%2F', '.tmp', ' é😀', '\\', ':*?"<>|'].map((end) => `${base}${end}`);
      names.push(`../${base}`, `..`, `.`);
      for (const name of names) await save(store, name, 1, Buffer.from(name));
      for (const name of names) {
        expect(await store.list(name)).toEqual([1]);
        expect(Buffer.from((await store.load(name, 1)) ?? []).toString()).toBe(name);
      }
    });

    test('takes saves that overlap', async () => {
      const [store, name] = [await open(), freshName()];
      const bytes = (revision: number): Buffer => Buffer.alloc(100_000, revision);
      await Promise.all([1, 2, 3, 4, 4, 5].map((revision) => save(store, name, revision, bytes(revision))));
      expect(await store.list(name)).toEqual([5, 4, 3]);
      expect((await store.load(name, 4))?.every((byte) => byte === 4)).toBe(true);
    });

    test('takes them one at a time: each when the one before is kept, or has failed', async () => {
      const [store, name] = [await open(), freshName()];
      const kept: (readonly number[])[] = [];
      const saved = [1, 2, 3].map((revision) =>
        store.save(name, (): Snapshot => {
          if (revision === 2) throw new Error('it cannot be taken');
          kept.push([revision]);
          return { revision, parts: [Buffer.alloc(100_000, revision)] };
        }),
      );
      expect(kept).toEqual([]);
      expect((await Promise.allSettled(saved)).map(({ status }) => status)).toEqual([
        ...['fulfilled', 'rejected', 'fulfilled'],
      ]);
      expect(kept).toEqual([[1], [3]]);
      expect(await store.list(name)).toEqual([3, 1]);
    });

    test('takes parts of any size, each when the one before it is written', async () => {
      const [store, name] = [await open(), freshName()];
      const sizes = [1, 0, 700_000, 3_000_000, 1_048_576, 5];
      const whole = randomBytes(sizes.reduce((total, size) => total + size));
      const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((total, size) => total + size, 0));
      const all = starts.map((start, i) => whole.subarray(start, start + (sizes[i] ?? 0)));
      async function* parts(): AsyncGenerator<Uint8Array> {
        for (const part of all) {
          const lent = Buffer.from(part);
          yield lent;
          lent.fill(0); // whoever writes it is done with it
        }
      }
      await store.save(name, () => ({ revision: 1, parts: parts() }));
      expect(whole.equals((await store.load(name, 1)) ?? Buffer.alloc(0))).toBe(true);
    });

    test('a snapshot of which a part fails is not there; what was is still there, and the next one is kept', async () => {
      const [store, name] = [await open(), freshName()];
      await save(store, name, 1, Buffer.from('one'));
      await save(store, name, 2, Buffer.from('two'));
      let closed = 0;
      async function* broken(): AsyncGenerator<Uint8Array> {
        try {
          yield Buffer.alloc(1_500_000, 'x');
          throw new Error('the state is gone');
        } finally {
          closed++;
        }
      }
      for (const revision of [2, 3]) {
        await expect(store.save(name, () => ({ revision, parts: broken() }))).rejects.toThrow('the state is gone');
      }
      expect(closed).toBe(2);
      expect(await store.list(name)).toEqual([2, 1]);
      expect(Buffer.from((await store.load(name, 2)) ?? []).toString()).toBe('two');
      await save(store, name, 3, Buffer.from('three'));
      expect(await store.list(name)).toEqual([3, 2, 1]);
    });

    test('keeps nothing where there is nothing to be taken', async () => {
      const [store, name] = [await open(), freshName()];
      await store.save(name, () => null);
      expect(await store.list(name)).toEqual([]);
    });
  });
};
