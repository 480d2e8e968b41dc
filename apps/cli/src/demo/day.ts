import { type Customer, CUSTOMERS, MODELS, type Workspace } from './company';
import { Random } from './random';

const MINUTES = 24 * 60;
const MINUTE_MS = 60_000;

/** How busy each hour (UTC) is: nights are quiet, lunch is quieter than the hours around it. */
const CURVE = [2, 1, 1, 1, 2, 4, 9, 18, 30, 36, 38, 34, 26, 32, 38, 37, 33, 26, 18, 13, 10, 7, 5, 3];
/** Out of a thousand minutes so many begin a burst: an agent in a loop, a batch job. */
const BURSTS_PER_MILLE = 12;

/** Tokens of requests: the shape of a published trace of LLM traffic (Azure LLM inference trace 2023), per mille. */
const INPUT: readonly (readonly [number, number])[] = [
  [0, 20],
  [50, 180],
  [200, 400],
  [400, 850],
  [500, 1150],
  [700, 1600],
  [850, 2700],
  [950, 4600],
  [990, 7000],
  [1000, 8192],
];
const OUTPUT: readonly (readonly [number, number])[] = [
  [0, 6],
  [50, 24],
  [200, 70],
  [400, 125],
  [500, 165],
  [700, 340],
  [850, 420],
  [950, 530],
  [990, 900],
  [1000, 1400],
];

/** A usage event, before it is given the organization's id. */
export interface DayEvent {
  readonly time: string;
  readonly customer: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** About `count` events of a day, in the order of their times: the same for the same seed. */
export const eventsOfDay = (day: string, count: number, seed: bigint): readonly DayEvent[] => {
  const random = new Random(seed);
  const begin = Date.parse(`${day}T00:00:00Z`);
  return minuteCounts(random, count).flatMap((inMinute, minute) => {
    const offsets = Array.from({ length: inMinute }, () => random.below(MINUTE_MS)).sort((a, b) => a - b);
    return offsets.map((offset, n) => {
      const time = new Date(begin + minute * MINUTE_MS + offset).toISOString();
      return eventAt(random, time, `${String(minute)}-${String(n)}`);
    });
  });
};

/** How many events begin in each minute: the day's curve, noise, and bursts that last some minutes. */
const minuteCounts = (random: Random, count: number): number[] => {
  let burst = { left: 0, factor: 1 };
  const weights = Array.from({ length: MINUTES }, (_, minute) => {
    if (burst.left > 0) burst = { ...burst, left: burst.left - 1 };
    else burst = { left: 0, factor: 1 };
    if (burst.left === 0 && random.chance(BURSTS_PER_MILLE))
      burst = { left: 2 + random.below(6), factor: 4 + random.below(7) };
    return (CURVE[Math.floor(minute / 60)] ?? 1) * (60 + random.below(80)) * burst.factor;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let [before, given] = [0, 0];
  return weights.map((weight) => {
    before += weight;
    const here = Math.floor((before * count) / total) - given;
    given += here;
    return here;
  });
};

const eventAt = (random: Random, time: string, id: string): DayEvent => {
  const customer = random.weighted(CUSTOMERS);
  const workspace = random.weighted(customer.workspaces);
  return { time, customer: customer.id, id, data: dataOf(random, customer, workspace) };
};

const dataOf = (random: Random, customer: Customer, workspace: Workspace): Readonly<Record<string, unknown>> => {
  const who = {
    workspace_id: workspace.id,
    user_id: `${customer.id}-user-${String(1 + random.below(customer.users))}`,
    resource: { type: 'agent', id: workspace.agent },
    task_id: `task-${String(random.below(500))}`,
  };
  const kind = random.below(100);
  if (kind < 12) return { ...who, service_type: 'api_call', quantity: String(1 + random.below(6)), unit: 'calls' };
  if (kind < 18)
    return { ...who, service_type: 'agent_runtime', quantity: String(1 + random.below(25)), unit: 'minutes' };
  const input = random.percentile(INPUT);
  // Agents send the same beginning again and again; two in five requests read part of it from the cache.
  const cached = random.chance(400) ? Math.floor((input * (200 + random.below(600))) / 1000) : 0;
  return {
    ...who,
    service_type: 'llm_call',
    model: random.weighted(MODELS).name,
    quantities: {
      input_tokens: String(input - cached),
      output_tokens: String(random.percentile(OUTPUT)),
      cache_read_tokens: String(cached),
    },
    latency_ms: 250 + random.below(4000),
  };
};
