/**
 * Shares the partitions `0 … partitions - 1` evenly among the members of a group, moving as few as it can: members keep
 * what they own as long as nobody else has less than his share. `owned` holds, per member, what it owns now; where two
 * claim a partition, the earlier in the map's order keeps it. The same arguments give the same result everywhere.
 */
export const shareOut = (
  partitions: number,
  owned: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> => {
  const free = new Set(Array.from({ length: partitions }, (_, partition) => partition));
  const shares = new Map<string, number[]>();
  for (const [member, claims] of owned)
    shares.set(
      member,
      [...new Set(claims)].filter((claim) => free.delete(claim)),
    );
  for (const [member, most] of quotas(partitions, shares)) {
    const share = shares.get(member) ?? [];
    for (const surplus of share.splice(most)) free.add(surplus);
  }
  const open = [...free].sort((a, b) => a - b);
  for (const [member, most] of quotas(partitions, shares)) {
    const share = shares.get(member) ?? [];
    share.push(...open.splice(0, most - share.length));
  }
  for (const share of shares.values()) share.sort((a, b) => a - b);
  return shares;
};

/** How many each member gets; where it does not come out even, those who own most get the one more. */
const quotas = (partitions: number, shares: ReadonlyMap<string, readonly number[]>): (readonly [string, number])[] => {
  const each = Math.floor(partitions / shares.size);
  const withOneMore = partitions % shares.size;
  const byOwned = [...shares].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1));
  return byOwned.map(([member], i) => [member, i < withOneMore ? each + 1 : each]);
};
