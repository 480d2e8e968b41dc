/** A small company that runs agents for five customers. Credits are cents: one is worth 0.01 USD. */
export interface Workspace {
  readonly id: string;
  readonly weight: number;
  readonly agent: string;
}

export interface Lot {
  readonly credit_type: string;
  readonly amount: string;
  readonly priority?: number;
  /** Hours after the day's beginning; absent: never. */
  readonly expiresAfterHours?: number;
  readonly scope?: { readonly workspaces: readonly string[] };
  readonly reason: string;
}

export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly weight: number;
  readonly users: number;
  readonly threshold: string;
  readonly workspaces: readonly Workspace[];
  readonly lots: readonly Lot[];
}

export interface Model {
  readonly name: string;
  readonly weight: number;
  readonly price: Readonly<Record<string, unknown>>;
}

const perMillion = (input: string, output: string, cacheRead: string, cacheWrite: string) => ({
  type: 'per_token',
  per: '1000000',
  input,
  output,
  cache_read: cacheRead,
  cache_write: cacheWrite,
});

/** With the makers' list prices per million tokens, in cents. */
export const MODELS: readonly Model[] = [
  { name: 'anthropic/claude-sonnet-4.5', weight: 5, price: perMillion('300', '1500', '30', '375') },
  { name: 'anthropic/claude-haiku-4.5', weight: 8, price: perMillion('100', '500', '10', '125') },
  { name: 'openai/gpt-5', weight: 3, price: perMillion('125', '1000', '12.5', '0') },
];

/** What the rate card prices beside the models. */
export const OTHER_RATES = [
  { service_type: 'api_call', price: { type: 'flat_rate', credits_per_unit: '0.05', unit: 'calls' } },
  { service_type: 'agent_runtime', price: { type: 'flat_rate', credits_per_unit: '0.02', unit: 'minutes' } },
];

const MONTH_HOURS = 29 * 24;
const YEAR_HOURS = 365 * 24;

export const CUSTOMERS: readonly Customer[] = [
  {
    id: 'lumen-support',
    name: 'Lumen Support',
    weight: 9,
    users: 24,
    threshold: '400',
    workspaces: [
      { id: 'chat', weight: 6, agent: 'chat-agent' },
      { id: 'email', weight: 3, agent: 'mail-agent' },
      { id: 'quality', weight: 1, agent: 'reviewer' },
    ],
    lots: [
      { credit_type: 'promotional', amount: '250', expiresAfterHours: 12, reason: 'welcome, until noon' },
      { credit_type: 'monthly', amount: '1200', expiresAfterHours: MONTH_HOURS, reason: 'plan' },
      { credit_type: 'purchased', amount: '5000', expiresAfterHours: YEAR_HOURS, reason: 'order 1041' },
    ],
  },
  {
    id: 'brick-legal',
    name: 'Brick Legal',
    weight: 4,
    users: 9,
    threshold: '300',
    workspaces: [
      { id: 'contracts', weight: 5, agent: 'contract-reader' },
      { id: 'research', weight: 2, agent: 'case-finder' },
    ],
    lots: [
      {
        credit_type: 'contract',
        amount: '150',
        scope: { workspaces: ['research'] },
        priority: 5,
        reason: 'research only',
      },
      { credit_type: 'monthly', amount: '500', expiresAfterHours: MONTH_HOURS, reason: 'plan' },
      { credit_type: 'purchased', amount: '700', expiresAfterHours: YEAR_HOURS, reason: 'order 1013' },
    ],
  },
  {
    id: 'orbit-sales',
    name: 'Orbit Sales',
    weight: 5,
    users: 14,
    threshold: '1500',
    workspaces: [
      { id: 'outreach', weight: 4, agent: 'outreach-agent' },
      { id: 'crm', weight: 3, agent: 'crm-keeper' },
      { id: 'meetings', weight: 2, agent: 'note-taker' },
    ],
    lots: [
      { credit_type: 'event', amount: '120', expiresAfterHours: 20, reason: 'conference' },
      { credit_type: 'monthly', amount: '900', expiresAfterHours: MONTH_HOURS, reason: 'plan' },
      { credit_type: 'purchased', amount: '800', reason: 'order 988' },
    ],
  },
  {
    id: 'quarry-data',
    name: 'Quarry Data',
    weight: 3,
    users: 5,
    threshold: '400',
    workspaces: [
      { id: 'extraction', weight: 5, agent: 'extractor' },
      { id: 'labels', weight: 2, agent: 'labeller' },
    ],
    lots: [
      { credit_type: 'monthly', amount: '300', expiresAfterHours: MONTH_HOURS, reason: 'plan' },
      { credit_type: 'purchased', amount: '500', expiresAfterHours: 24 * 7, reason: 'order 1107, ends in a week' },
    ],
  },
  {
    id: 'tiny-studio',
    name: 'Tiny Studio',
    weight: 1,
    users: 2,
    threshold: '20',
    workspaces: [{ id: 'default', weight: 1, agent: 'helper' }],
    lots: [{ credit_type: 'free', amount: '180', expiresAfterHours: MONTH_HOURS, reason: 'trial' }],
  },
];
