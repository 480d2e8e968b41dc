import { type Instant, type JsonObject, NEVER, type Rounding } from '@drawdown/kernel';
import type { AppliedRate, SavedRate, UsageEvent } from '../events';
import { matches, specificity } from './matching';
import type { CompiledPrice, Unpriced } from './price-model';
import { compilePrice, isCompiled } from './price-models';
import type { RateCard, RateCardVersion } from './rate-card';

/** A rate made ready, with what each of its charges records of it. */
export interface CompiledRate {
  readonly saved: SavedRate;
  readonly price: CompiledPrice;
  readonly rounding: Rounding;
  readonly applied: AppliedRate;
}

/** Distinct models × resource types looked up before the memory of look-ups is dropped: callers choose these names. */
const REMEMBERED_MATCHES = 10_000;

type RatedBy = Pick<UsageEvent, 'serviceType' | 'model' | 'resourceType' | 'dimensions'>;

/** The rates of one service type, most specific first, with a memory of which one a model and resource type get. */
class ServiceRates {
  private readonly rates: readonly CompiledRate[];
  private readonly usesDimensions: boolean;
  private readonly usesResources: boolean;
  private readonly remembered = new Map<string, CompiledRate | null>();

  constructor(rates: readonly CompiledRate[]) {
    const ranked = rates.map((rate) => ({ rate, rank: specificity(rate.saved) }));
    this.rates = ranked.sort((a, b) => b.rank - a.rank).map(({ rate }) => rate);
    this.usesDimensions = rates.some(({ saved }) => saved.dimensions !== undefined);
    this.usesResources = rates.some(({ saved }) => saved.resource_type !== undefined);
  }

  rateFor(usage: RatedBy): CompiledRate | null {
    if (this.usesDimensions) return this.find(usage);
    const model = usage.model ?? '';
    // A line feed is in no name, so that two names joined by it are no third one.
    const key = this.usesResources ? `${model}\n${usage.resourceType ?? ''}` : model;
    let rate = this.remembered.get(key);
    if (rate === undefined) {
      rate = this.find(usage);
      if (this.remembered.size >= REMEMBERED_MATCHES) this.remembered.clear();
      this.remembered.set(key, rate);
    }
    return rate;
  }

  private find(usage: RatedBy): CompiledRate | null {
    return this.rates.find((candidate) => matches(candidate.saved, usage)) ?? null;
  }
}

/** The rates of one version, by service type. */
export class CompiledVersion {
  private readonly byService: ReadonlyMap<string, ServiceRates>;
  readonly number: number;
  readonly from: Instant;
  readonly until: Instant;

  constructor(
    card: string,
    readonly version: RateCardVersion,
  ) {
    this.number = version.version;
    this.from = version.effectiveFrom ?? NEVER;
    this.until = version.effectiveUntil ?? NEVER;
    const byService = new Map<string, CompiledRate[]>();
    for (const [index, saved] of version.rates.entries()) {
      const price = compilePrice(saved.price as JsonObject);
      if (!isCompiled(price))
        throw new Error(`rate ${String(index)} of ${card} version ${String(version.version)} was saved unchecked`);
      const applied: AppliedRate = {
        card,
        version: version.version,
        index,
        price: saved.price,
        rounding: version.rounding,
      };
      const ofService = byService.get(saved.service_type) ?? [];
      ofService.push({ saved, price, rounding: version.rounding, applied });
      byService.set(saved.service_type, ofService);
    }
    this.byService = new Map([...byService].map(([service, rates]) => [service, new ServiceRates(rates)]));
  }

  /** The rate for a usage; null where none matches. */
  rateFor(usage: RatedBy): CompiledRate | null {
    return this.byService.get(usage.serviceType)?.rateFor(usage) ?? null;
  }
}

/** A rate card with its activated versions ready for use. */
export class CompiledCard {
  readonly key: string;
  readonly unit: string;
  private readonly active: readonly CompiledVersion[];
  private readonly versions: ReadonlyMap<number, CompiledVersion>;

  /** `before`: the card as it was compiled last. Versions that are as then are not made ready again. */
  constructor(card: RateCard, before?: CompiledCard) {
    this.key = card.key;
    this.unit = card.unit;
    const compiled = card.versions.map((version) => {
      const known = before?.versions.get(version.version);
      return known?.version === version ? known : new CompiledVersion(card.key, version);
    });
    this.versions = new Map(compiled.map((version) => [version.number, version]));
    this.active = card.versions
      .filter((version) => version.state === 'active')
      .flatMap((version) => this.versions.get(version.version) ?? []);
  }

  version(number: number): CompiledVersion | undefined {
    return this.versions.get(number);
  }

  /** The version whose interval contains an event time. */
  versionAt(time: Instant): CompiledVersion | undefined {
    for (let i = this.active.length - 1; i >= 0; i--) {
      const version = this.active[i];
      if (version !== undefined && version.from <= time && time < version.until) return version;
    }
    return undefined;
  }

  /** The rate in force at the usage's event time, or why there is none. */
  rateFor(usage: UsageEvent): CompiledRate | Unpriced {
    const version = this.versionAt(usage.time);
    if (version === undefined) {
      return { code: 'no_rate_card', detail: `no version of ${this.key} is effective at ${usage.time}` };
    }
    return version.rateFor(usage) ?? noRate(this.key, usage);
  }
}

const noRate = (card: string, usage: UsageEvent): Unpriced => ({
  code: 'no_rate',
  detail: `${card} has no rate for ${usage.serviceType}${usage.model === null ? '' : ` with model ${usage.model.slice(0, 64)}`}`,
});
