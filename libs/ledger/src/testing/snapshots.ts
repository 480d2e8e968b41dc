import type { ShardState } from '../fold';
import { SnapshotCut } from '../snapshot-cut';
import { partsIn, PartWriter, type SnapshotPiece } from '../snapshot-parts';

/** The state's snapshot as a whole. */
export const snapshotOf = async (state: ShardState): Promise<Buffer> => {
  const cut = new SnapshotCut(state);
  const parts: Uint8Array[] = [];
  for await (const part of cut.parts()) parts.push(part);
  cut.end();
  return Buffer.concat(parts);
};

/** The same snapshot with other pieces; those that become undefined are left out. */
export const withPieces = (
  bytes: Uint8Array,
  change: (piece: SnapshotPiece) => SnapshotPiece | undefined,
): Uint8Array => {
  const writer = new PartWriter(Infinity);
  for (const piece of [...partsIn(bytes)].flat()) {
    const changed = change(piece);
    if (changed !== undefined) writer.add(changed, 1);
  }
  return writer.rest() ?? Buffer.alloc(0);
};
