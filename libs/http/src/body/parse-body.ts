import { parseJsonBytes } from '@drawdown/domain';
import { Problem } from '../problems/problem';

/**
 * The bytes of a body as JSON. `unlimited` leaves out the look at its limits, for a path that does so itself where it
 * must (`refuseExceeded`).
 */
export const parseBody = (body: Buffer, unlimited = false): unknown => {
  if (body.length === 0) throw new Problem('malformed_json', 'the body is empty');
  const parsed = parseJsonBytes(body, unlimited);
  if ('code' in parsed) throw new Problem(parsed.code, parsed.detail);
  return parsed.json;
};
