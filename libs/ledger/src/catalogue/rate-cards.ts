import {
  activateVersion,
  cardRefusal,
  CompiledCard,
  createRateCard,
  evolveRateCard,
  type RateCard,
  type RateCardEvent,
  type SavedRate,
  saveVersion,
  versionRefusal,
} from '@drawdown/domain';
import { type Instant, refuse, type Rounding } from '@drawdown/kernel';
import type { Clock } from '@drawdown/ports';
import type { Idempotency, Sender } from '../ledger';
import type { CatalogueProgress } from './catalogue-progress';
import { CatalogueStreams, type StreamPorts } from './catalogue-streams';
import type { RepeatableResult } from './results';

/**
 * The latest event time that a card's version has priced, on any shard; null where it priced nothing. By the answer every
 * owner of a shard knows what this process knew of the catalogue when it asked.
 */
export type LastPriced = (card: string, version: number) => Promise<Instant | null>;

export interface NewRateCard {
  readonly key: string;
  readonly name: string;
  readonly unit: string;
  /** Null for a card that every organization may use. */
  readonly organizationId: string | null;
}

export interface NewRateCardVersion {
  readonly rates: readonly SavedRate[];
  readonly rounding: Rounding | null;
  readonly effectiveFrom: Instant | null;
}

export interface RateCards {
  all(): readonly RateCard[];
  get(key: string): RateCard | undefined;
  /** The card as the store has it: another process may have made or changed it just now, and whoever did uses it at once. */
  latest(key: string): Promise<RateCard | undefined>;
  /** The card with its prices ready for use; the same object until the card changes. */
  compiled(key: string): CompiledCard | undefined;
  create(card: NewRateCard, sender: Sender, idempotency?: Idempotency | null): Promise<RepeatableResult<RateCard>>;
  saveVersion(
    key: string,
    version: NewRateCardVersion,
    sender: Sender,
    idempotency?: Idempotency | null,
  ): Promise<RepeatableResult<{ version: number }>>;
  activateVersion(
    key: string,
    version: number,
    effectiveFrom: Instant | null,
    sender: Sender,
    idempotency?: Idempotency | null,
  ): Promise<RepeatableResult<RateCard>>;
}

export class LocalRateCards implements RateCards {
  readonly streams: CatalogueStreams<RateCard, RateCardEvent>;
  private readonly ready = new Map<string, CompiledCard>();

  constructor(
    ports: StreamPorts,
    private readonly clock: Clock,
    /** What a version has priced keeps its interval (INV-TIM-10). */
    private readonly lastPriced: LastPriced,
    private readonly progress: CatalogueProgress,
  ) {
    this.streams = new CatalogueStreams(
      {
        prefix: 'rate-card-',
        types: ['RateCardCreated', 'RateCardVersionSaved', 'RateCardVersionActivated'],
        evolve: evolveRateCard,
      },
      ports,
      (key, card) => this.ready.set(key, new CompiledCard(card, this.ready.get(key))),
    );
  }

  all(): readonly RateCard[] {
    return this.streams.all();
  }

  get(key: string): RateCard | undefined {
    return this.streams.get(key);
  }

  async latest(key: string): Promise<RateCard | undefined> {
    await this.progress.reread(this.streams, key);
    return this.get(key);
  }

  compiled(key: string): CompiledCard | undefined {
    return this.ready.get(key);
  }

  async create(
    card: NewRateCard,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<RateCard>> {
    const written = await this.streams.write(
      card.key,
      (existing) => {
        const full = existing === undefined ? cardRefusal(card.organizationId, this.all()) : null;
        return full === null ? createRateCard(existing, card) : refuse(full);
      },
      sender,
      this.clock.now(),
      idempotency,
    );
    return this.progress.answered(written, (state) => state);
  }

  async saveVersion(
    key: string,
    version: NewRateCardVersion,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<{ version: number }>> {
    const written = await this.streams.write(
      key,
      (card) => {
        if (card === undefined) return notFound();
        const full = versionRefusal(card, version.rates, this.all());
        return full === null ? saveVersion(card, version) : refuse(full);
      },
      sender,
      this.clock.now(),
      idempotency,
    );
    return this.progress.answered(written, (card) => ({ version: card.versions.length }));
  }

  async activateVersion(
    key: string,
    version: number,
    effectiveFrom: Instant | null,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<RateCard>> {
    const now = this.clock.now();
    const written = await this.streams.write(
      key,
      async (card) => {
        if (card === undefined) return notFound();
        const inForce = card.versions.find((other) => other.state === 'active' && other.effectiveUntil === null);
        // Of the first version, too: where no owner answers, nothing is activated of which none would hear.
        const last = await this.lastPriced(key, inForce?.version ?? version);
        return activateVersion(card, version, effectiveFrom, now, inForce === undefined ? null : last);
      },
      sender,
      now,
      idempotency,
    );
    const answer = this.progress.answered(written, (state) => state);
    // Whoever asks an owner has it hear of this first: what is used after the answer is priced by this version, by none that
    // it ended, and is not put aside because no owner knew of the first one.
    if (answer.accepted) await this.lastPriced(key, version);
    return answer;
  }
}

const notFound = () => refuse({ code: 'not_found', detail: 'there is no such rate card' } as const);
