import {
  activateVersion,
  advanceTestClock,
  type ApiKeyEvent,
  type ApiKeyRecord,
  type ApiScope,
  CompiledCard,
  createApiKey,
  createRateCard,
  createTestClock,
  evolveApiKey,
  evolveRateCard,
  evolveTestClock,
  type Preset,
  type RateCard,
  type RateCardEvent,
  type Refusal,
  revokeApiKey,
  type SavedRate,
  saveVersion,
  SHIPPED_PRESETS,
  type TestClock,
  type TestClockEvent,
} from '@drawdown/domain';
import { accept, CATALOGUE, derivedId, type Instant, type Position, positionOf, type Rounding } from '@drawdown/kernel';
import type { Clock, EventStore } from '@drawdown/ports';
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { ApiKey, Catalogue, CatalogueResult, RepeatableResult } from './catalogue';
import { CatalogueStreams, type Written } from './catalogue-streams';
import type { Idempotency, Sender } from './ledger';
import { RememberedWrites } from './remembered-writes';
import { realSleep, type Sleep } from './sleep';

const PAGE_EVENTS = 500;

/** Bytes of a generated secret: beyond guessing. */
const SECRET_BYTES = 32;

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

const notFound = (what: string): { accepted: false; refusal: Refusal } => ({
  accepted: false,
  refusal: { code: 'not_found', detail: `there is no such ${what}` },
});

/** The catalogue of a process that writes to the store itself. */
export class LocalCatalogue implements Catalogue {
  private readonly cards: CatalogueStreams<RateCard, RateCardEvent>;
  private readonly keys: CatalogueStreams<ApiKeyRecord, ApiKeyEvent>;
  private readonly clocks: CatalogueStreams<TestClock, TestClockEvent>;
  private readonly compiled = new Map<string, CompiledCard>();
  /** Keys by the hash of their secret. */
  private readonly bySecret = new Map<string, string>();
  private position = -1;

  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
    /** The latest event time that a card's version has priced: it keeps its interval (INV-TIM-10). */
    private readonly lastPriced: (card: string, version: number) => Instant | null = () => null,
    sleep: Sleep = realSleep,
  ) {
    const remembered = new RememberedWrites();
    this.cards = new CatalogueStreams(
      {
        prefix: 'rate-card-',
        types: ['RateCardCreated', 'RateCardVersionSaved', 'RateCardVersionActivated'],
        evolve: evolveRateCard,
      },
      store,
      sleep,
      remembered,
      (key, card) => this.compiled.set(key, new CompiledCard(card)),
    );
    this.keys = new CatalogueStreams(
      { prefix: 'api-key-', types: ['ApiKeyCreated', 'ApiKeyRevoked'], evolve: evolveApiKey },
      store,
      sleep,
      remembered,
      (_, key) => {
        if (key.revoked) this.bySecret.delete(key.secretHash);
        else this.bySecret.set(key.secretHash, key.id);
      },
    );
    this.clocks = new CatalogueStreams(
      { prefix: 'test-clock-', types: ['TestClockCreated', 'TestClockAdvanced'], evolve: evolveTestClock },
      store,
      sleep,
      remembered,
    );
  }

  /** Reads everything there is. */
  async start(): Promise<void> {
    const kinds = [this.cards, this.keys, this.clocks];
    const prefixes = kinds.map((kind) => kind.prefix);
    for (;;) {
      const page = await this.store.readAll(this.position, PAGE_EVENTS, prefixes);
      for (const stored of page) {
        kinds.find((kind) => stored.stream.startsWith(kind.prefix))?.apply(stored);
        this.position = stored.position;
      }
      if (page.length === 0) return;
    }
  }

  /** The position of a write; of one that wrote nothing, what is known here. */
  private at(position: number | null): Position {
    this.position = Math.max(this.position, position ?? 0);
    return positionOf(CATALOGUE, position ?? this.position);
  }

  /** Of writes that carry no key, so that none was used before. */
  private plain<State, T>(written: Written<State>, value: (state: State) => T): CatalogueResult<T> {
    const result = this.answered(written, value);
    if ('keyReused' in result) throw new Error('a write without a key met one');
    return result;
  }

  private answered<State, T>(written: Written<State>, value: (state: State) => T): RepeatableResult<T> {
    if (!written.accepted) return written;
    const { state, position, replayed } = written;
    return { accepted: true, value: value(state), position: this.at(position), replayed };
  }

  // ---- rate cards

  rateCards(): readonly RateCard[] {
    return this.cards.all();
  }

  rateCard(key: string): RateCard | undefined {
    return this.cards.get(key);
  }

  compiledCard(key: string): CompiledCard | undefined {
    return this.compiled.get(key);
  }

  async createRateCard(
    card: { key: string; name: string; unit: string; organizationId: string | null },
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<RateCard>> {
    const written = await this.cards.write(
      card.key,
      (existing) => createRateCard(existing, card),
      sender,
      this.clock.now(),
      idempotency,
    );
    return this.answered(written, (state) => state);
  }

  async saveRateCardVersion(
    key: string,
    version: { rates: readonly SavedRate[]; rounding: Rounding | null; effectiveFrom: Instant | null },
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<{ version: number }>> {
    const written = await this.cards.write(
      key,
      (card) => (card === undefined ? notFound('rate card') : saveVersion(card, version)),
      sender,
      this.clock.now(),
      idempotency,
    );
    return this.answered(written, (card) => ({ version: card.versions.length }));
  }

  async activateRateCardVersion(
    key: string,
    version: number,
    effectiveFrom: Instant | null,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<RateCard>> {
    const now = this.clock.now();
    const written = await this.cards.write(
      key,
      (card) => {
        if (card === undefined) return notFound('rate card');
        const inForce = card.versions.find((other) => other.state === 'active' && other.effectiveUntil === null);
        const last = inForce === undefined ? null : this.lastPriced(key, inForce.version);
        return activateVersion(card, version, effectiveFrom, now, last);
      },
      sender,
      now,
      idempotency,
    );
    return this.answered(written, (state) => state);
  }

  // ---- presets

  presets(): readonly Preset[] {
    return SHIPPED_PRESETS;
  }

  preset(key: string): Preset | undefined {
    return SHIPPED_PRESETS.find((preset) => preset.key === key);
  }

  // ---- API keys

  findApiKey(secret: string): ApiKey | undefined {
    const hash = hashOf(secret);
    const id = this.bySecret.get(hash);
    const key = id === undefined ? undefined : this.keys.get(id);
    if (key === undefined || key.revoked) return undefined;
    return timingSafeEqual(Buffer.from(hash), Buffer.from(key.secretHash)) ? key : undefined;
  }

  async createApiKey(
    key: { name: string; scopes: readonly ApiScope[]; organizationId: string | null; secret?: string },
    sender: Sender,
  ): Promise<CatalogueResult<ApiKey & { readonly secret: string }>> {
    const secret = key.secret ?? `ddk_${randomBytes(SECRET_BYTES).toString('base64url')}`;
    const id = `key_${randomUUID()}`;
    const { name, scopes, organizationId } = key;
    const record = { id, name, scopes, organizationId, secretHash: hashOf(secret) };
    const known = this.keys.all().find(({ secretHash }) => secretHash === record.secretHash);
    if (known !== undefined) {
      // A secret that was revoked must not come back with the next start.
      const detail = `a key with this secret ${known.revoked ? 'was revoked' : 'exists already'}; choose another secret`;
      return { accepted: false, refusal: { code: 'already_exists', detail } };
    }
    const written = await this.keys.write(id, (existing) => createApiKey(existing, record), sender, this.clock.now());
    return this.plain(written, () => ({ id, name, scopes, organizationId, secret }));
  }

  async revokeApiKey(id: string, sender: Sender): Promise<CatalogueResult<null>> {
    const written = await this.keys.write(id, revokeApiKey, sender, this.clock.now());
    return this.plain(written, () => null);
  }

  hasApiKeys(): boolean {
    return this.bySecret.size > 0;
  }

  /** Every key that works, without its secret. */
  apiKeys(): readonly ApiKey[] {
    return this.keys
      .all()
      .filter((key) => !key.revoked)
      .map(({ id, name, scopes, organizationId }) => ({ id, name, scopes, organizationId }));
  }

  // ---- test clocks

  testClock(id: string): TestClock | undefined {
    return this.clocks.get(id);
  }

  /** Under a key the clock's id follows from it: two processes that are asked at once meet on its stream. */
  async createTestClock(
    now: Instant,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<TestClock>> {
    const id = idempotency === null ? `clock_${randomUUID()}` : derivedId('clock', sender.actor.id, idempotency.key);
    const written = await this.clocks.write(
      id,
      (existing) => createTestClock(existing, { id, now }),
      sender,
      this.clock.now(),
      idempotency,
    );
    return this.answered(written, (state) => state);
  }

  async advanceTestClock(
    id: string,
    to: Instant,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<TestClock>> {
    const written = await this.clocks.write(
      id,
      (clock) => {
        const decision = advanceTestClock(clock, to);
        // Where it stands there already nothing happens; under a key that is remembered, by an event that moves nothing.
        if (idempotency === null || !decision.accepted || decision.events.length > 0) return decision;
        return accept({ type: 'TestClockAdvanced', data: { id, from: to, to } });
      },
      sender,
      this.clock.now(),
      idempotency,
    );
    return this.answered(written, (state) => state);
  }
}
