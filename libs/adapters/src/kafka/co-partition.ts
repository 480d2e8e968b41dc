/** The partition assigner of our groups: partition p of every topic goes to the same member, and stays where it can. */
import { shareOut } from '@drawdown/ports';
import { type Assigner, AssignerProtocol, type Cluster, type GroupMember, type GroupMemberAssignment } from 'kafkajs';

/** All members of a group must know it by this name, the versions of a rolling update included. */
const NAME = 'drawdown-co-partition';
const VERSION = 1;

/** What a member says that it owns. */
export interface Claim {
  readonly partitions: readonly number[];
  /** Since when, in milliseconds. Of two claims the younger is believed: the other member was thought dead meanwhile. */
  readonly since: number;
}

/** `claim` is asked whenever the member joins; it may throw to have the join tried again a little later. */
export const coPartition =
  (claim: () => Claim) =>
  ({ cluster }: { readonly cluster: Cluster }): Assigner => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: VERSION, topics, userData: encode(claim()) }),
    }),
    assign: async ({ members, topics }) =>
      assignmentOf(members, new Map(topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).length]))),
  });

export const assignmentOf = (
  members: readonly GroupMember[],
  topics: ReadonlyMap<string, number>,
): GroupMemberAssignment[] => {
  const claims = members.map(({ memberId, memberMetadata }) => ({ memberId, claim: decode(memberMetadata) }));
  claims.sort((a, b) => b.claim.since - a.claim.since || (a.memberId < b.memberId ? -1 : 1));
  const owned = new Map(claims.map(({ memberId, claim }) => [memberId, claim.partitions]));
  return [...sharesOf([...topics.values()], owned)].map(([memberId, share]) => {
    const assignment = Object.fromEntries([...topics].map(([topic, count]) => [topic, share.filter((p) => p < count)]));
    const encoded = { version: VERSION, assignment, userData: Buffer.alloc(0) };
    return { memberId, memberAssignment: AssignerProtocol.MemberAssignment.encode(encoded) };
  });
};

/**
 * What all topics have and what only some have, each evenly: where one of them was given more partitions than there are
 * shards, those are little work, and must not go to one member, and all the shards to another.
 */
const sharesOf = (
  counts: readonly number[],
  owned: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> => {
  const [all, most] = [Math.min(...counts), Math.max(...counts)];
  const within = (from: number, to: number): ReadonlyMap<string, readonly number[]> => {
    const claims = [...owned].map(
      ([member, claim]) =>
        [
          member,
          claim.filter((partition) => partition >= from && partition < to).map((partition) => partition - from),
        ] as const,
    );
    return shareOut(to - from, new Map(claims));
  };
  const [shared, more] = [within(0, all), within(all, most)];
  return new Map(
    [...shared].map(([member, share]) => [member, [...share, ...(more.get(member) ?? []).map((p) => p + all)]]),
  );
};

const encode = ({ partitions, since }: Claim): Buffer => Buffer.from(JSON.stringify({ partitions, since }));

/** A member that says nothing legible owns nothing. */
const decode = (metadata: Buffer): Claim => {
  const none: Claim = { partitions: [], since: 0 };
  const userData = AssignerProtocol.MemberMetadata.decode(metadata)?.userData;
  if (userData === undefined || userData.byteLength === 0) return none;
  const said = JSON.parse(userData.toString()) as Partial<Claim>;
  return { partitions: said.partitions ?? none.partitions, since: said.since ?? none.since };
};
