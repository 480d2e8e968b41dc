import { must, send, untilAvailable } from '../api';

const TYPE = { 'content-type': 'application/cloudevents+json' };

/** A usage event over HTTP, sent once; answers what became of it. */
export const charge = async (url: string, usage: Record<string, unknown>): Promise<unknown> => {
  const { results } = await must(`${url}/v1/events?wait=charged`, 'POST', usage, TYPE);
  return (results as readonly unknown[])[0];
};

/**
 * Like {@link charge}, and sent again as long as the answer is 503: while a shard changes hands it is. What such a try left
 * behind is a charge as well, though the next one is told of a duplicate; that there is one only, callers see elsewhere.
 */
export const insistOnCharge = async (url: string, usage: Record<string, unknown>): Promise<unknown> => {
  const post = () => send(`${url}/v1/events?wait=charged`, 'POST', usage, TYPE);
  const { status, body, tries } = await untilAvailable(post);
  if (status >= 300) throw new Error(`${url}: ${String(status)} ${JSON.stringify(body)}`);
  const [result] = body['results'] as readonly { readonly outcome: string }[];
  return tries > 1 && result?.outcome === 'duplicate' ? { ...result, outcome: 'charged' } : result;
};
