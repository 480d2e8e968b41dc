import type { Json } from '@drawdown/kernel';
import type { SavedRate } from '../events';
import type { RateCard } from '../rating/rate-card';
import type { Refusal } from '../wallet/commands';
import type { ApiKeyRecord } from './api-key';

/**
 * What an organization may have of the catalogue, which is in the memory of every process, whole and for ever: else whoever
 * administers one organization takes that of all. What belongs to the installation is its operators' business.
 */
export const CATALOGUE_LIMITS = {
  /** Keys that work. */
  keys: 1_000,
  /** Keys that were ever made: a revoked one is still known. */
  keysEver: 10_000,
  cards: 100,
  /** Of one card. */
  versions: 10_000,
  /** Names, texts and amounts in the rates of all versions of all its cards: some 150,000 ordinary rates. */
  values: 1_000_000,
};
type Limits = typeof CATALOGUE_LIMITS;

const tooMany = (detail: string): Refusal => ({ code: 'too_many_items', detail });

/** Why an organization may make no further key; null where it may. */
export const keyRefusal = (
  organizationId: string | null,
  keys: readonly Pick<ApiKeyRecord, 'organizationId' | 'revoked'>[],
  limits: Limits = CATALOGUE_LIMITS,
): Refusal | null => {
  if (organizationId === null) return null;
  const own = keys.filter((key) => key.organizationId === organizationId);
  if (own.length >= limits.keysEver)
    return tooMany(
      `an organization makes at most ${String(limits.keysEver)} keys, revoked ones included; use one of those there are`,
    );
  if (own.filter(({ revoked }) => !revoked).length < limits.keys) return null;
  return tooMany(`an organization has at most ${String(limits.keys)} keys; revoke those that are not used`);
};

/** Why an organization may make no further card; null where it may. */
export const cardRefusal = (
  organizationId: string | null,
  cards: readonly Pick<RateCard, 'organizationId'>[],
  limits: Limits = CATALOGUE_LIMITS,
): Refusal | null => {
  if (organizationId === null || ownOf(organizationId, cards).length < limits.cards) return null;
  return tooMany(`an organization has at most ${String(limits.cards)} cards; save a version of one of them`);
};

/** Why an organization may save no further version of its card; null where it may. */
export const versionRefusal = (
  { organizationId, versions }: Pick<RateCard, 'organizationId' | 'versions'>,
  rates: readonly SavedRate[],
  cards: readonly Pick<RateCard, 'organizationId' | 'versions'>[],
  limits: Limits = CATALOGUE_LIMITS,
): Refusal | null => {
  if (organizationId === null) return null;
  if (versions.length >= limits.versions)
    return tooMany(`a card has at most ${String(limits.versions)} versions; go on with another card`);
  const saved = ownOf(organizationId, cards).flatMap((card) => card.versions);
  const values = saved.reduce((sum, version) => sum + valuesIn(version.rates), valuesIn(rates));
  if (values <= limits.values) return null;
  return tooMany(
    `the rates of all versions of an organization's cards are too many; have an operator make a card of the installation for it`,
  );
};

const ownOf = <T extends Pick<RateCard, 'organizationId'>>(organizationId: string, cards: readonly T[]): readonly T[] =>
  cards.filter((card) => card.organizationId === organizationId);

/** Versions do not change: each is counted once. */
const counted = new WeakMap<readonly SavedRate[], number>();

const valuesIn = (rates: readonly SavedRate[]): number => {
  let values = counted.get(rates);
  if (values === undefined) {
    values = leavesOf(rates as unknown as Json);
    counted.set(rates, values);
  }
  return values;
};

const leavesOf = (json: Json | undefined): number => {
  if (typeof json !== 'object' || json === null) return 1;
  return Object.values(json).reduce<number>((sum, inner) => sum + leavesOf(inner as Json), 0);
};
