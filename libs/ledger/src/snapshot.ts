import type { Instant } from '@drawdown/kernel';
import { setImmediate as turn } from 'node:timers/promises';
import { FOLD_VERSION, reschedule, ShardState } from './fold';
import { IdentityIndex } from './identity-index';
import { partsIn, type SnapshotHead, type SnapshotPiece } from './snapshot-parts';

/**
 * The state of a snapshot, put together part by part, between which the event loop turns; `undefined` where it is of
 * another fold version, unreadable or not whole: then the log says it all.
 */
export const restoreSnapshot = async (bytes: Uint8Array): Promise<ShardState | undefined> => {
  try {
    let restored: Restored | undefined;
    for (const pieces of partsIn(bytes)) {
      if (restored !== undefined) await turn();
      for (const piece of pieces) {
        if (piece.kind !== 'head') restored?.add(piece);
        else if (piece.foldVersion === FOLD_VERSION) restored = new Restored(piece);
        else return undefined;
      }
    }
    return restored?.whole();
  } catch {
    return undefined; // another Node's format, or damaged
  }
};

class Restored {
  private readonly state = new ShardState();
  private words = 0;
  private priced = 0;

  constructor(private readonly head: SnapshotHead) {
    const { state } = this;
    for (const [topic, partitions] of head.offsets) state.offsets.set(topic, new Map(partitions));
    state.identities = IdentityIndex.empty(head.segments);
    state.revision = head.revision;
    state.hash = Buffer.from(head.hash);
    state.bookedAt = head.bookedAt;
  }

  add(piece: Exclude<SnapshotPiece, SnapshotHead>): void {
    const { state } = this;
    switch (piece.kind) {
      case 'organization': {
        const resident = { organization: piece.organization, due: null, namespace: null, cut: 0 };
        state.residents.set(piece.organization.id, resident);
        reschedule(state, resident);
        return;
      }
      case 'commands':
        for (const [i, command] of piece.commands.entries()) state.commands.set(piece.keys[i] ?? '', command);
        return;
      case 'priced':
        for (const [card, version, time] of piece.versions) this.addPriced(card, version, time);
        return;
      case 'identities':
        state.identities.fill(piece.segment, piece.table, piece.at, piece.words);
        this.words += piece.words.length;
    }
  }

  /** The state, where nothing of it is missing. */
  whole(): ShardState | undefined {
    const { state, head } = this;
    const words = head.segments.flatMap(({ tables }) => tables).reduce((total, table) => total + table, 0);
    const missing =
      state.residents.size !== head.organizations ||
      state.commands.size !== head.commands ||
      this.priced !== head.priced ||
      this.words !== words;
    return missing ? undefined : state;
  }

  private addPriced(card: string, version: number, time: Instant): void {
    const versions = this.state.lastPriced.get(card) ?? new Map<number, Instant>();
    this.state.lastPriced.set(card, versions.set(version, time));
    this.priced++;
  }
}
