import type { ApiScope, CompiledCard, Preset, RateCard, Refusal, SavedRate } from '@drawdown/domain';
import type { Instant, Position, Rounding } from '@drawdown/kernel';
import type { Idempotency, Sender } from '../ledger';

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  /** Null for keys of the whole installation. */
  readonly organizationId: string | null;
}

/** What a key is made from; secret and id are given only for the first key of an installation. */
export interface NewApiKey {
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  readonly organizationId: string | null;
  readonly secret?: string;
  readonly id?: string;
  /** Where nobody is told before {@link Catalogue.showedApiKey}. */
  readonly shown?: boolean;
}

export interface MadeApiKey extends ApiKey {
  /** Null where the key was made by an earlier request under the same Idempotency-Key: it is kept nowhere. */
  readonly secret: string | null;
}

/** A write to the catalogue: done, with its position, or refused. */
export type CatalogueResult<T> =
  | { readonly accepted: true; readonly value: T; readonly position: Position }
  | { readonly accepted: false; readonly refusal: Refusal };

/**
 * The latest event time that a card's version has priced, on any shard; null where it priced nothing. By the answer every
 * owner of a shard knows what this process knew of the catalogue when it asked.
 */
export type LastPriced = (card: string, version: number) => Promise<Instant | null>;

/** The same of a write that may be repeated: under the same key it is done once, and answered as the first time. */
export type RepeatableResult<T> =
  | { readonly accepted: true; readonly value: T; readonly position: Position; readonly replayed: boolean }
  /** Refusals are not remembered: nothing was written that could remember them. */
  | { readonly accepted: false; readonly refusal: Refusal }
  /** The key was used before with another content; nothing happened. */
  | { readonly accepted: false; readonly keyReused: true };

/**
 * Low-rate facts that are not money in flight, each in a short stream of its own and all of them in memory: rate
 * cards, API keys, test clocks, presets. Writes are visible to reads of this process when they resolve. With an
 * Idempotency-Key they are done once per sender and key, for 40 days and whatever restarts meanwhile.
 */
export interface Catalogue {
  /** Everything up to this global position is shown, and maybe more of what this process wrote itself. */
  readonly covered: number;
  /** Resolves once everything up to a position is shown; rejects with `CatalogueBehind` after 5 s. */
  reached(position: number): Promise<void>;

  rateCards(): readonly RateCard[];
  rateCard(key: string): RateCard | undefined;
  /** The card as the store has it: another process may have made or changed it just now, and whoever did uses it at once. */
  latestRateCard(key: string): Promise<RateCard | undefined>;
  /** The card with its prices ready for use; the same object until the card changes. */
  compiledCard(key: string): CompiledCard | undefined;
  createRateCard(
    card: { key: string; name: string; unit: string; organizationId: string | null },
    sender: Sender,
    idempotency?: Idempotency | null,
  ): Promise<RepeatableResult<RateCard>>;
  saveRateCardVersion(
    key: string,
    version: { rates: readonly SavedRate[]; rounding: Rounding | null; effectiveFrom: Instant | null },
    sender: Sender,
    idempotency?: Idempotency | null,
  ): Promise<RepeatableResult<{ version: number }>>;
  activateRateCardVersion(
    key: string,
    version: number,
    effectiveFrom: Instant | null,
    sender: Sender,
    idempotency?: Idempotency | null,
  ): Promise<RepeatableResult<RateCard>>;

  presets(): readonly Preset[];
  preset(key: string): Preset | undefined;

  /** The key with this secret (hashed and compared in constant time), unless it was revoked. */
  findApiKey(secret: string): ApiKey | undefined;
  /** The key with this id unless it was revoked, as {@link latestRateCard}. */
  latestApiKey(id: string): Promise<ApiKey | undefined>;
  /**
   * Makes a key; its secret is answered here and never again. Under an `id` that is given it is made once, however many
   * processes try. Refused with the pointer `/secret` where there is, or was, a key with that secret.
   */
  createApiKey(key: NewApiKey, sender: Sender): Promise<CatalogueResult<ApiKey & { readonly secret: string }>>;
  createApiKey(key: NewApiKey, sender: Sender, idempotency: Idempotency | null): Promise<RepeatableResult<MadeApiKey>>;
  revokeApiKey(id: string, sender: Sender): Promise<CatalogueResult<null>>;
  /** The same, where nobody was told of the key by then. */
  revokeUnshownApiKey(id: string, sender: Sender): Promise<CatalogueResult<null>>;
  /** Somebody was told the key's secret. Refused where it was revoked meanwhile. */
  showedApiKey(id: string, sender: Sender): Promise<CatalogueResult<null>>;
  /** Keys that work and that nobody was told of. */
  unshownApiKeys(): readonly string[];
  hasApiKeys(): boolean;
  /** Every key that works, without its secret. */
  apiKeys(): readonly ApiKey[];

  testClock(id: string): { readonly id: string; readonly now: Instant } | undefined;
  /** The clock as the store has it. */
  latestTestClock(id: string): Promise<{ readonly id: string; readonly now: Instant } | undefined>;
  createTestClock(
    now: Instant,
    sender: Sender,
    idempotency?: Idempotency | null,
  ): Promise<RepeatableResult<{ id: string; now: Instant }>>;
  /** Moves the clock; refuses `time_goes_back`. What is due is settled by {@link Ledger.settleClock}. */
  advanceTestClock(
    id: string,
    to: Instant,
    sender: Sender,
    idempotency?: Idempotency | null,
  ): Promise<RepeatableResult<{ id: string; now: Instant }>>;
}
export const Catalogue = Symbol('Catalogue');
