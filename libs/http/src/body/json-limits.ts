import { exceededLimit } from '@drawdown/domain';
import { Problem } from '../problems/problem';

/** Refuses bytes of JSON that nest too deeply or have an object with too many keys. */
export const refuseExceeded = (body: Buffer): void => {
  const fault = exceededLimit(body);
  if (fault !== null) throw new Problem(fault.code, fault.detail);
};
