import type { Attribution } from '@drawdown/domain/events';

/** What consumption is attributed to, with the text that names it beside organization and wallet. */
export interface Combination extends Attribution {
  readonly key: string;
}

/** Unambiguous whatever stands in a value: it begins with its length. */
export const part = (value: string | null): string => (value === null ? '-' : `${String(value.length)}:${value}`);

const combinationOf = (by: Attribution): Combination => {
  const { workspaceId, serviceType, userId, model, resourceType, resourceId } = by;
  const parts = [workspaceId, serviceType, userId, model, resourceType, resourceId];
  return { workspaceId, serviceType, userId, model, resourceType, resourceId, key: parts.map(part).join('') };
};

type Leaves = Map<string | null, Combination>;
type Tree<Branch> = Map<string | null, Branch>;

const branch = <K, V>(tree: Map<string | null, Map<K, V>>, value: string | null): Map<K, V> => {
  let found = tree.get(value);
  if (found === undefined) tree.set(value, (found = new Map<K, V>()));
  return found;
};

/**
 * Gives the same combination the same object, by its values one after the other: texts that were looked up before cost
 * half of what it costs to make a key of them for each charge.
 */
export class Combinations {
  private readonly root: Tree<Tree<Tree<Tree<Tree<Leaves>>>>> = new Map();

  of(by: Attribution): Combination {
    const ofService = branch(branch(this.root, by.serviceType), by.model);
    const leaves = branch(branch(branch(ofService, by.resourceType), by.resourceId), by.workspaceId);
    let combination = leaves.get(by.userId);
    if (combination === undefined) leaves.set(by.userId, (combination = this.combined(by)));
    return combination;
  }

  /** Models that are one text to the database are one here. */
  private combined(by: Attribution): Combination {
    const model = by.model === null ? null : asStored(by.model);
    return model === by.model ? combinationOf(by) : this.of({ ...by, model });
  }
}

/** Text as UTF-8 carries it: releases of before took models with halves of surrogate pairs. */
const asStored = (text: string): string => Buffer.from(text).toString();
