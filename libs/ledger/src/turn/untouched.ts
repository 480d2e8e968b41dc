import { DecisionFailed } from '../ledger';

/**
 * Does what changes nothing of the books unless it comes to its end, like deciding itself. Where the program fails in it,
 * only the work hears of that, as {@link DecisionFailed}: the state is what it was and need not be loaded again, which
 * whoever sends such a work over and over would have everybody else wait for.
 */
export const untouched = <T>(act: () => T): T => {
  try {
    return act();
  } catch (cause) {
    throw new DecisionFailed('the ledger could not decide this; nothing happened', { cause });
  }
};
