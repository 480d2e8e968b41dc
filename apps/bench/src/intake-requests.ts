import type { PreparedRequest } from './load';
import { ORGANIZATIONS, organizationName, usageJson } from './usage-sample';

export const EVENTS_PER_REQUEST = 100;
export const INTAKE_CONNECTIONS = 16;

/** Distinct events from the n-th on, a hundred a request, spread uniformly; made before the clock runs. */
export const intakeRequests = (
  headers: Readonly<Record<string, string>>,
  count: number,
  first: number,
): PreparedRequest[] => {
  const time = new Date().toISOString();
  return Array.from({ length: count }, (_, request) => {
    const events = Array.from({ length: EVENTS_PER_REQUEST }, (__, i) => {
      const n = first + request * EVENTS_PER_REQUEST + i;
      return usageJson(n, organizationName((n * 7919) % ORGANIZATIONS), time);
    });
    return {
      method: 'POST',
      path: '/v1/events',
      headers: { ...headers, 'content-type': 'application/cloudevents-batch+json' },
      body: Buffer.from(`[${events.join(',')}]`),
    };
  });
};
