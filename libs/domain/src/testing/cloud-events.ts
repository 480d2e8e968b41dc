export type Fields = Record<string, unknown>;

export const DATA: Fields = {
  workspace_id: 'ws1',
  user_id: 'u1',
  service_type: 'llm_call',
  resource: { type: 'agent', id: 'support-bot' },
  model: 'anthropic/claude-sonnet-4.5',
  quantities: { input_tokens: '1200', output_tokens: '310' },
  provider_cost: { amount: '0.0123', currency: 'USD' },
  parent_transaction_id: null,
  task_id: 'task-7',
  latency_ms: 812,
};
/** A valid usage event as a structured CloudEvent, with other fields in it or in its data. */
export const cloudEvent = (changes: Fields = {}, data: Fields = {}): Fields => ({
  ...{ specversion: '1.0', id: 'req-8841', source: 'agents/eu-1', type: 'drawdown.usage.v1', subject: 'org_acme' },
  time: '2026-03-01T10:00:00Z',
  data: { ...DATA, ...data },
  ...changes,
});
export const without = (object: Fields, ...names: string[]): Fields =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
/** The valid event with exactly this data. */
export const withData = (data: Fields): Fields => ({ ...cloudEvent(), data });
