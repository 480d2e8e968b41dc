import type { UsageEvent } from '@drawdown/domain';
import { isRejection, parseUsageEvent } from '@drawdown/domain';

/** The organizations of every row, uniform unless it says otherwise. */
export const ORGANIZATIONS = 5_000;

export const organizationName = (n: number): string => `org_${String(n)}`;

/** The bench's usage event: an LLM call of about 440 bytes. */
export const usageJson = (n: number, organization: string, time: string): string =>
  JSON.stringify({
    specversion: '1.0',
    id: `req-${String(n)}`,
    source: 'agents/eu-1',
    type: 'drawdown.usage.v1',
    time,
    subject: organization,
    data: {
      workspace_id: `ws${String(n % 5)}`,
      user_id: `u${String(n % 50)}`,
      service_type: 'llm_call',
      resource: { type: 'agent', id: 'support-bot' },
      model: `model-${String(n % 3)}`,
      quantities: {
        input_tokens: String(100 + ((n * 7919) % 4000)),
        output_tokens: String(10 + ((n * 104_729) % 800)),
        cache_read_tokens: '800',
        cache_write_tokens: '0',
        reasoning_tokens: '0',
      },
      task_id: 'task-7',
      latency_ms: 812,
    },
  });

/** Distinct events spread over the organizations, as they come off a wire. */
export const usageBuffers = (count: number, time: string, first = 0): Buffer[] =>
  Array.from({ length: count }, (_, i) =>
    Buffer.from(usageJson(first + i, organizationName(((first + i) * 7919) % ORGANIZATIONS), time)),
  );

export const parsedUsage = (buffers: readonly Buffer[]): UsageEvent[] =>
  buffers.map((buffer) => {
    const usage = parseUsageEvent(JSON.parse(buffer.toString()));
    if (isRejection(usage)) throw new Error(`the bench's own event is rejected: ${usage.rejected}`);
    return usage;
  });

/** The prices of every row. */
export const RATES = [0, 1, 2].map((model) => ({
  service_type: 'llm_call',
  model: `model-${String(model)}`,
  price: {
    type: 'per_token',
    per: '1000000',
    input: String(3 + model),
    output: String(15 * (model + 1)),
    cache_read: '0.3',
  },
}));
