import type { Organization } from '@drawdown/domain';
import type { Instant } from '@drawdown/kernel';
import { deserialize, serialize } from 'node:v8';
import { FOLD_VERSION, type RememberedCommand, rescheduleAll, ShardState } from './fold';
import { IdentityIndex, type SegmentDump } from './identity-index';

interface Snapshot {
  readonly foldVersion: number;
  readonly revision: number;
  readonly hash: Uint8Array;
  readonly bookedAt: Instant;
  readonly organizations: readonly Organization[];
  readonly commands: ReadonlyMap<string, RememberedCommand>;
  readonly identities: readonly SegmentDump[];
  readonly lastPriced: ReadonlyMap<string, ReadonlyMap<number, Instant>>;
  readonly offsets: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** The state as bytes: structured clone, so that lots which several lists share stay one lot each. */
export const takeSnapshot = (state: ShardState): Buffer =>
  serialize({
    foldVersion: FOLD_VERSION,
    revision: state.revision,
    hash: new Uint8Array(state.hash),
    bookedAt: state.bookedAt,
    organizations: [...state.residents.values()].map((resident) => resident.organization),
    commands: state.commands,
    identities: state.identities.dump(),
    lastPriced: state.lastPriced,
    offsets: state.offsets,
  } satisfies Snapshot);

/** The state of a snapshot; `undefined` where it is of another fold version or unreadable: then the log says it all. */
export const restoreSnapshot = (bytes: Uint8Array): ShardState | undefined => {
  try {
    const snapshot = deserialize(bytes) as Snapshot | null;
    return snapshot?.foldVersion === FOLD_VERSION ? stateOf(snapshot) : undefined;
  } catch {
    return undefined; // another Node's format, or damaged
  }
};

const stateOf = (snapshot: Snapshot): ShardState => {
  const state = new ShardState();
  for (const organization of snapshot.organizations) {
    state.residents.set(organization.id, { organization, due: null, namespace: null });
  }
  for (const [key, command] of snapshot.commands) state.commands.set(key, command);
  for (const [card, versions] of snapshot.lastPriced) state.lastPriced.set(card, new Map(versions));
  for (const [topic, partitions] of snapshot.offsets) state.offsets.set(topic, new Map(partitions));
  state.identities = IdentityIndex.restore(snapshot.identities);
  state.revision = snapshot.revision;
  state.hash = Buffer.from(snapshot.hash);
  state.bookedAt = snapshot.bookedAt;
  rescheduleAll(state);
  return state;
};
