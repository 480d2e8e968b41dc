import { savingInTurn, SNAPSHOTS_KEPT, type SnapshotStore } from '../snapshots';

/** The reference: what a snapshot store does, without a disk. For the specs of other libs. */
export const inMemorySnapshots = (): SnapshotStore => {
  const names = new Map<string, Map<number, Uint8Array>>();
  const newestFirst = (name: string): readonly number[] => [...(names.get(name)?.keys() ?? [])].sort((a, b) => b - a);
  return {
    save: savingInTurn(async (name, { revision, parts }) => {
      const bytes: Uint8Array[] = [];
      for await (const part of parts) bytes.push(new Uint8Array(part));
      const kept = names.get(name) ?? new Map<number, Uint8Array>();
      names.set(name, kept.set(revision, Buffer.concat(bytes)));
      for (const old of newestFirst(name).slice(SNAPSHOTS_KEPT)) kept.delete(old);
    }),
    list: async (name) => newestFirst(name),
    load: async (name, revision) => {
      const bytes = names.get(name)?.get(revision);
      return bytes && new Uint8Array(bytes);
    },
  };
};
