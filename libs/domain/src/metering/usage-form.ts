import {
  chargeId,
  type Instant,
  organizationNamespace,
  parseInstant,
  parseQuantity,
  type Quantity,
  quantity,
} from '@drawdown/kernel';
import { canonicalContent, type UsageEvent } from '../events';
import { isRejection, parseUsageEvent } from './usage-event';
import { type Sketch, sketchOf } from './usage-sketch';

/** Models that are kept as one text each: an installation uses a few, but callers choose them. */
const MODELS_KEPT = 1_000;
const models = new Map<string, string>();

/** From so many characters on, what a pattern captures is no text of its own but a view of the whole body. */
const VIEWED_FROM = 13;

/** A text of its own, which does not keep the body that it stood in in memory. */
const ownCopy = (text: string): string => Buffer.from(text).toString();

/** The model as a text that may be kept: it becomes a key of remembered look-ups. */
const kept = (model: string): string => {
  let own = models.get(model);
  if (own === undefined) {
    if (models.size >= MODELS_KEPT) models.clear();
    own = ownCopy(model);
    models.set(own, own);
  }
  return own;
};

type Found = RegExpExecArray;

/** What a group captured; null for group 0, where the form lacks the field. */
const at = (found: Found, group: number): string | null => (group === 0 ? null : (found[group] ?? null));
const present = (found: Found, group: number): string => found[group] ?? '';

/** The groups of one record of quantities or dimensions, by name. */
const namedGroups = (groups: Sketch['groups'], prefix: string): (readonly [string, number])[] =>
  [...groups].flatMap(([path, group]) =>
    path.startsWith(prefix) ? [[path.slice(prefix.length), group] as const] : [],
  );

/**
 * One way of writing usage events: these fields, in this order, with this white space. A pattern made from an example
 * reads and checks another one in one go, several times as fast as `JSON.parse` and the compiled schema. What it does not
 * match may be good all the same: `parseUsageEvent` decides, and says what is wrong.
 */
export class UsageForm {
  private readonly pattern: RegExp;
  private readonly group: ReturnType<typeof groupsOf>;
  private readonly quantityGroups: readonly number[];
  private readonly dimensionGroups: readonly (readonly [string, number])[] | null;
  private readonly enforce: boolean;
  /** The quantities read last, and their texts: many are the same in event after event, like those that are 0. */
  private readonly lastTexts: string[];
  private readonly lastQuantities: (readonly [string, Quantity])[];
  private lastTime = '';
  private lastInstant: Instant | null = null;

  private constructor({ pattern, groups, constants }: Sketch, dimensions: UsageEvent['dimensions']) {
    this.pattern = new RegExp(pattern, 'y');
    this.group = groupsOf(groups);
    const single = groups.get('/data/quantity');
    const quantities: readonly (readonly [string, number])[] =
      single === undefined ? namedGroups(groups, '/data/quantities/') : [['quantity', single]];
    this.quantityGroups = quantities.map(([, group]) => group);
    this.lastTexts = quantities.map(() => '');
    this.lastQuantities = quantities.map(([name]) => [name, quantity(0n)]);
    this.dimensionGroups = dimensions === null ? null : namedGroups(groups, '/data/dimensions/');
    this.enforce = constants.get('/data/enforce') === 'true';
  }

  /**
   * The form of the event that begins at a place of a text; null where that is no good event, or one that has no form.
   * The form reads the example as `parseUsageEvent` does, or it is none.
   */
  static of(text: string, start: number): UsageForm | null {
    const sketch = sketchOf(text, start);
    if (sketch === null) return null;
    const example = parsed(text.slice(start, sketch.end));
    if (example === null) return null;
    const form = new UsageForm(sketch, example.dimensions);
    const read = form.read(text, start);
    return read !== null && canonicalContent(read) === canonicalContent(example) ? form : null;
  }

  /** Where the event that was read last ends. */
  get end(): number {
    return this.pattern.lastIndex;
  }

  /** The event that begins at a place of a text; null where it is not of this form. */
  read(text: string, start: number): UsageEvent | null {
    const { pattern, group } = this;
    pattern.lastIndex = start;
    const found = pattern.exec(text);
    if (found === null) return null;
    const time = this.instantOf(present(found, group.time));
    const providerCost = costOf(found, group.costAmount, group.costCurrency);
    if (time === null || providerCost === undefined || !this.readQuantities(found)) return null;
    const organizationId = present(found, group.subject);
    const source = present(found, group.source);
    const model = at(found, group.model);
    const latency = at(found, group.latency);
    const parent = at(found, group.parentTransaction);
    const parentEvent = parent === null ? at(found, group.parentEvent) : null;
    return {
      organizationId,
      source,
      id: present(found, group.id),
      type: present(found, group.type),
      time,
      workspaceId: at(found, group.workspace),
      userId: at(found, group.user),
      serviceType: present(found, group.serviceType),
      resourceType: at(found, group.resourceType),
      resourceId: at(found, group.resourceId),
      model: model === null ? null : kept(model),
      quantities: this.lastQuantities.slice(),
      unit: at(found, group.unit),
      providerCost,
      parentTransactionId:
        parentEvent === null ? parent : chargeId(organizationNamespace(organizationId), source, parentEvent),
      taskId: at(found, group.task),
      latencyMs: latency === null ? null : Number(latency),
      dimensions: this.dimensionsOf(found),
      enforce: this.enforce,
      raw: null,
    };
  }

  private instantOf(text: string): Instant | null {
    if (text === this.lastTime) return this.lastInstant;
    this.lastTime = ownCopy(text);
    this.lastInstant = parseInstant(this.lastTime) ?? null;
    return this.lastInstant;
  }

  /** Brings the quantities read last up to date; false where one is no amount. */
  private readQuantities(found: Found): boolean {
    const { quantityGroups, lastTexts, lastQuantities } = this;
    for (let i = 0; i < quantityGroups.length; i++) {
      const text = present(found, quantityGroups[i] ?? 0);
      if (text === lastTexts[i]) continue;
      const amount = parseQuantity(text);
      if (typeof amount !== 'bigint') return false;
      lastTexts[i] = text.length < VIEWED_FROM ? text : ownCopy(text);
      lastQuantities[i] = [lastQuantities[i]?.[0] ?? '', amount];
    }
    return true;
  }

  private dimensionsOf(found: Found): UsageEvent['dimensions'] {
    if (this.dimensionGroups === null) return null;
    const dimensions: Record<string, string> = {};
    for (const [name, group] of this.dimensionGroups) dimensions[name] = present(found, group);
    return dimensions;
  }
}

const groupsOf = (groups: Sketch['groups']) => {
  const of = (path: string): number => groups.get(path) ?? 0;
  return {
    id: of('/id'),
    source: of('/source'),
    type: of('/type'),
    subject: of('/subject'),
    time: of('/time'),
    workspace: of('/data/workspace_id'),
    user: of('/data/user_id'),
    serviceType: of('/data/service_type'),
    resourceType: of('/data/resource/type'),
    resourceId: of('/data/resource/id'),
    model: of('/data/model'),
    unit: of('/data/unit'),
    costAmount: of('/data/provider_cost/amount'),
    costCurrency: of('/data/provider_cost/currency'),
    parentTransaction: of('/data/parent_transaction_id'),
    parentEvent: of('/data/parent_event_id'),
    task: of('/data/task_id'),
    latency: of('/data/latency_ms'),
  };
};

const parsed = (json: string): UsageEvent | null => {
  try {
    const usage = parseUsageEvent(JSON.parse(json));
    return isRejection(usage) ? null : usage;
  } catch {
    return null; // no JSON: whoever reads the whole says so
  }
};

/** Undefined where the amount is none. */
const costOf = (found: Found, amountGroup: number, currency: number): UsageEvent['providerCost'] | undefined => {
  if (amountGroup === 0) return null;
  const amount = parseQuantity(present(found, amountGroup));
  return typeof amount === 'bigint' ? { amount, currency: present(found, currency) } : undefined;
};
