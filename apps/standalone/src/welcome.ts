import type { Instant } from '@drawdown/kernel';
import { SAMPLE_ORGANIZATION } from './sample';

interface Welcome {
  readonly url: string;
  /** The admin key's secret, where it was generated just now. */
  readonly newKey: string | null;
  /** Whether the key came from the environment. */
  readonly isKeySet: boolean;
  readonly hasSample: boolean;
  readonly now: Instant;
}

/** Where another process on the same log started meanwhile. */
export const KEY_REPLACED =
  'That key is replaced already: the process that started last has said the one that counts.\n';

/** An event that can be sent as it stands: its time is the start's, so it is younger than the sample organization. */
const sampleEvent = (now: Instant): string =>
  JSON.stringify({
    specversion: '1.0',
    id: `try-${now}`,
    source: 'shell',
    type: 'drawdown.usage.v1',
    time: now,
    subject: SAMPLE_ORGANIZATION,
    data: { workspace_id: 'ws1', service_type: 'llm_call', quantities: { input_tokens: '1200', output_tokens: '310' } },
  });

/** What the person who started it needs next: where it is, the key, and two commands that work when pasted. */
export const welcome = ({ url, newKey, isKeySet, hasSample, now }: Welcome): string => {
  const key = newKey ?? (isKeySet ? '$DRAWDOWN_ADMIN_KEY' : '$KEY');
  const lines = [`Drawdown is ready at ${url}`];
  if (newKey !== null) lines.push('', `  The first admin key, shown only now: ${newKey}`);
  else if (!isKeySet) lines.push('', '  $KEY stands for the admin key that was shown at the first start.');
  if (hasSample) {
    lines.push(
      '',
      '  Report usage:',
      `    curl -s '${url}/v1/events?wait=charged' -H "Authorization: Bearer ${key}" \\`,
      `      -H 'Content-Type: application/cloudevents+json' -d '${sampleEvent(now)}'`,
      '',
      '  Read the balance:',
      `    curl -s '${url}/v1/organizations/${SAMPLE_ORGANIZATION}/wallets/credits' -H "Authorization: Bearer ${key}"`,
    );
  }
  lines.push('', '  Stop with Ctrl-C; everything is kept.', '');
  return lines.join('\n');
};
