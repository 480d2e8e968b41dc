import { AssignerProtocol } from 'kafkajs';
import { assignmentOf, type Claim, coPartition } from './co-partition';

const cluster = {} as Parameters<ReturnType<typeof coPartition>>[0]['cluster'];
const member = (memberId: string, claim: Claim) => ({
  memberId,
  memberMetadata: coPartition(() => claim)({ cluster }).protocol({ topics: ['usage', 'commands'] }).metadata,
});
const assigned = (members: readonly { memberId: string; memberMetadata: Buffer }[], topics: Record<string, number>) =>
  Object.fromEntries(
    assignmentOf(members, new Map(Object.entries(topics))).map(({ memberId, memberAssignment }) => [
      memberId,
      AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment,
    ]),
  );

describe('the assignment of partitions', () => {
  test('gives partition p of every topic to the same member, as far as the topic has it', () => {
    const none = { partitions: [], since: 0 };
    expect(assigned([member('a', none), member('b', none)], { usage: 4, commands: 3 })).toEqual({
      a: { usage: [0, 1, 3], commands: [0, 1] },
      b: { usage: [2], commands: [2] },
    });
  });

  test('shares out evenly what all topics have, however many more one of them was given', () => {
    const all = { partitions: [0, 1, 2, 3, 4, 5, 6, 7], since: 5 };
    expect(assigned([member('a', all), member('b', { partitions: [], since: 0 })], { usage: 8, commands: 4 })).toEqual({
      a: { usage: [0, 1, 4, 5], commands: [0, 1] },
      b: { usage: [2, 3, 6, 7], commands: [2, 3] },
    });
  });

  test('leaves members what they say they own, whoever leads the group', () => {
    const members = [member('a', { partitions: [1, 3], since: 5 }), member('b', { partitions: [0, 2], since: 5 })];
    const expected = { a: { usage: [1, 3] }, b: { usage: [0, 2] } };
    expect(assigned(members, { usage: 4 })).toEqual(expected);
    expect(assigned(members.reverse(), { usage: 4 })).toEqual(expected);
  });

  test('believes the younger of two claims: the other member was thought dead in between', () => {
    const [old, young] = [member('a', { partitions: [0, 1], since: 5 }), member('b', { partitions: [0, 1], since: 9 })];
    expect(assigned([old, young, member('c', { partitions: [2, 3], since: 9 })], { usage: 6 })).toEqual({
      a: { usage: [4, 5] },
      b: { usage: [0, 1] },
      c: { usage: [2, 3] },
    });
  });

  test('a member without a claim, of another make, owns nothing', () => {
    const metadata = { version: 1, topics: ['usage'], userData: Buffer.alloc(0) };
    const stranger = { memberId: 'z', memberMetadata: AssignerProtocol.MemberMetadata.encode(metadata) };
    expect(assigned([stranger, member('a', { partitions: [0, 1], since: 5 })], { usage: 2 })).toEqual({
      a: { usage: [0] },
      z: { usage: [1] },
    });
  });
});
