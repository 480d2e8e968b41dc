import {
  accept,
  type Decision,
  type Instant,
  type JsonObject,
  latest,
  refuse,
  type Rounding,
  SCALE,
} from '@drawdown/kernel';
import type { CatalogueEvent, SavedRate } from '../events';
import type { Refusal } from '../wallet/commands';
import { ambiguities } from './matching';
import { compilePrice, isCompiled } from './price-models';

/** Charge lines keep all nine decimals unless the card says otherwise. */
export const DEFAULT_ROUNDING: Rounding = { scale: 9, mode: 'half_up' };

/** Prices as saved once and never changed; used for event times in `[effectiveFrom, effectiveUntil)`. */
export interface RateCardVersion {
  readonly version: number;
  readonly rates: readonly SavedRate[];
  readonly rounding: Rounding;
  state: 'draft' | 'active';
  effectiveFrom: Instant | null;
  effectiveUntil: Instant | null;
}

export interface RateCard {
  readonly key: string;
  readonly name: string;
  readonly unit: string;
  /** Null for cards that every organization may use. */
  readonly organizationId: string | null;
  readonly versions: RateCardVersion[];
}

export type RateCardEvent = Extract<
  CatalogueEvent,
  { type: 'RateCardCreated' | 'RateCardVersionSaved' | 'RateCardVersionActivated' }
>;
export type RateCardDecision = Decision<RateCardEvent, Refusal>;

export const createRateCard = (
  card: RateCard | undefined,
  data: { key: string; name: string; unit: string; organizationId: string | null },
): RateCardDecision =>
  card === undefined
    ? accept({ type: 'RateCardCreated', data })
    : refuse({ code: 'already_exists', pointer: '/key', detail: `there is a rate card ${data.key} already` });

/** Checks every rate and saves them as the card's next version, a draft. */
export const saveVersion = (
  card: RateCard,
  {
    rates,
    rounding,
    effectiveFrom,
  }: { rates: readonly SavedRate[]; rounding: Rounding | null; effectiveFrom: Instant | null },
): RateCardDecision => {
  for (const [index, rate] of rates.entries()) {
    const compiled = compilePrice(rate.price as JsonObject);
    if (isCompiled(compiled)) continue;
    const [fault] = compiled;
    const pointer = `/rates/${String(index)}/price${fault?.pointer ?? ''}`;
    // Shapes and texts are the edge's business (400); here a price that cannot be is a refusal like any other (422).
    return refuse({
      code: 'invalid_rate',
      pointer,
      detail: fault?.detail ?? 'not a price',
      more: { fault: fault?.code ?? 'invalid_rate' },
    });
  }
  const [ambiguous] = ambiguities(rates); // looks no further than that
  if (ambiguous !== undefined) {
    const pointers = ambiguous.map((index) => `/rates/${String(index)}`);
    const detail = 'two rates are equally specific for one usage; make one of them more specific';
    return refuse({ code: 'ambiguous_rate', detail, pointers });
  }
  if (rounding !== null && !(Number.isInteger(rounding.scale) && rounding.scale >= 0 && rounding.scale <= SCALE)) {
    return refuse({ code: 'invalid_value', pointer: '/rounding/scale', detail: 'scale is a whole number from 0 to 9' });
  }
  return accept({
    type: 'RateCardVersionSaved',
    data: {
      key: card.key,
      version: card.versions.length + 1,
      rates,
      rounding: rounding ?? DEFAULT_ROUNDING,
      effectiveFrom,
    },
  });
};

/** The activated version without an end. Not the highest number: drafts may be activated in any order. */
const versionInForce = (card: RateCard): RateCardVersion | undefined =>
  card.versions.find((version) => version.state === 'active' && version.effectiveUntil === null);

/**
 * A version that only adds prices is refused, too: charges already made would carry a version that was not in force at
 * their time. A card that has priced nothing may begin in the past, so that what is missing can be given by another one.
 */
const MISSING_BEFORE =
  'usage of before that which has no price is charged by another card that has one, assigned while the quarantine is driven again';

/**
 * Makes a draft the version in force from `effectiveFrom` on and closes the one before it at that instant. Intervals
 * are half-open and never overlap, and what has priced something keeps its interval (INV-TIM-10).
 */
export const activateVersion = (
  card: RateCard,
  number: number,
  from: Instant | null,
  now: Instant,
  /** Event time of the latest charge made by the version in force; null where it priced nothing. */
  lastPriced: Instant | null,
): RateCardDecision => {
  const version = card.versions[number - 1];
  if (version === undefined) return refuse({ code: 'not_found', detail: 'there is no such version' });
  if (version.state !== 'draft') {
    return refuse({ code: 'version_immutable', detail: 'the version was activated before; save a new one' });
  }
  const effectiveFrom = from ?? version.effectiveFrom ?? now;
  const previous = versionInForce(card);
  const start = previous?.effectiveFrom ?? null;
  if (start !== null && (effectiveFrom <= start || (lastPriced !== null && effectiveFrom <= lastPriced))) {
    const bound = lastPriced === null ? start : latest(start, lastPriced);
    const must = `effective_from must be after ${bound}, where the version in force begins or last priced usage`;
    const detail = lastPriced === null ? must : `${must}; ${MISSING_BEFORE}`;
    return refuse({ code: 'invalid_interval', pointer: '/effective_from', detail });
  }
  return accept({
    type: 'RateCardVersionActivated',
    data: { key: card.key, version: number, effectiveFrom, closesVersion: previous?.version ?? null },
  });
};

/** The card after an event; a new object, so that whoever compiled the old one can tell. */
export const evolveRateCard = (card: RateCard | undefined, event: RateCardEvent): RateCard => {
  if (event.type === 'RateCardCreated') return { ...event.data, versions: [] };
  if (card === undefined) throw new Error(`rate card ${event.data.key} has versions but was never created`);
  if (event.type === 'RateCardVersionSaved') {
    const { version, rates, rounding, effectiveFrom } = event.data;
    const draft: RateCardVersion = { version, rates, rounding, state: 'draft', effectiveFrom, effectiveUntil: null };
    return { ...card, versions: [...card.versions, draft] };
  }
  const { version: number, effectiveFrom, closesVersion } = event.data;
  const versions = card.versions.map((version): RateCardVersion => {
    if (version.version === closesVersion) return { ...version, effectiveUntil: effectiveFrom };
    return version.version === number ? { ...version, state: 'active', effectiveFrom } : version;
  });
  return { ...card, versions };
};

export const rateCardVersionView = (version: RateCardVersion): JsonObject => ({
  version: version.version,
  state: version.state,
  rates: version.rates as unknown as readonly JsonObject[],
  rounding: { ...version.rounding },
  effective_from: version.effectiveFrom,
  effective_until: version.effectiveUntil,
});

export const rateCardView = (card: RateCard): JsonObject => ({
  key: card.key,
  name: card.name,
  unit: card.unit,
  organization_id: card.organizationId,
  versions: card.versions.map((version) => ({
    version: version.version,
    state: version.state,
    effective_from: version.effectiveFrom,
    effective_until: version.effectiveUntil,
  })),
});
