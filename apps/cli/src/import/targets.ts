import { UsageError } from '../usage-error';

/** Where in a usage event a target's value belongs. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  id: ['id'],
  source: ['source'],
  type: ['type'],
  time: ['time'],
  organization: ['subject'],
  workspace_id: ['data', 'workspace_id'],
  user_id: ['data', 'user_id'],
  service_type: ['data', 'service_type'],
  model: ['data', 'model'],
  resource_type: ['data', 'resource', 'type'],
  resource_id: ['data', 'resource', 'id'],
  quantity: ['data', 'quantity'],
  unit: ['data', 'unit'],
  task_id: ['data', 'task_id'],
  parent_event_id: ['data', 'parent_event_id'],
  parent_transaction_id: ['data', 'parent_transaction_id'],
  latency_ms: ['data', 'latency_ms'],
  'provider_cost.amount': ['data', 'provider_cost', 'amount'],
  'provider_cost.currency': ['data', 'provider_cost', 'currency'],
};

/** Targets whose second part is a name that the caller chooses. */
const NAMED = ['quantities', 'dimensions'];
const NAME = /^[a-z][a-z0-9_]{0,62}$/;

export const TARGETS: readonly string[] = [...Object.keys(PLACES), 'quantities.<name>', 'dimensions.<name>'];

/** `undefined` where there is no such target. */
export const placeOf = (target: string): readonly string[] | undefined => {
  if (Object.hasOwn(PLACES, target)) return PLACES[target];
  const dot = target.indexOf('.');
  const [kind, name] = [target.slice(0, dot), target.slice(dot + 1)];
  return dot > 0 && NAMED.includes(kind) && NAME.test(name) ? ['data', kind, name] : undefined;
};

/** `--map target=column` and `--set target=value`, by target. */
export const pairsOf = (option: string, pairs: readonly string[]): ReadonlyMap<string, string> => {
  const read = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const [target, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    if (equals < 1 || value === '') throw new UsageError(`${option} ${pair}: write ${option} target=…`);
    if (placeOf(target) === undefined) {
      throw new UsageError(`${option} ${pair}: there is no target ${target}; there are ${TARGETS.join(', ')}`);
    }
    if (read.has(target)) throw new UsageError(`${option} gives ${target} twice`);
    read.set(target, value);
  }
  return read;
};
