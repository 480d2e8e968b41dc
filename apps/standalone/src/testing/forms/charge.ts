import { must } from '../api';

/** A usage event over HTTP; answers what became of it. */
export const charge = async (url: string, usage: Record<string, unknown>): Promise<unknown> => {
  const type = { 'content-type': 'application/cloudevents+json' };
  const { results } = await must(`${url}/v1/events?wait=charged`, 'POST', usage, type);
  return (results as readonly unknown[])[0];
};
