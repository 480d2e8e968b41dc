import {
  activateVersion,
  advanceTestClock,
  cardRefusal,
  type CatalogueEvent,
  CompiledCard,
  createRateCard,
  createTestClock,
  evolveRateCard,
  evolveTestClock,
  type Preset,
  type RateCard,
  type RateCardEvent,
  type Refusal,
  revokeApiKey,
  revokeUnshownApiKey,
  type SavedRate,
  saveVersion,
  showApiKey,
  SHIPPED_PRESETS,
  type TestClock,
  type TestClockEvent,
  versionRefusal,
} from '@drawdown/domain';
import {
  accept,
  CATALOGUE,
  derivedId,
  type Instant,
  type Position,
  positionOf,
  refuse,
  type Rounding,
} from '@drawdown/kernel';
import { type Clock, type EventStore, type StoredEvent, StoreUnavailable } from '@drawdown/ports';
import { randomUUID } from 'node:crypto';
import { ApiKeys, shownKey } from './api-keys';
import type {
  ApiKey,
  Catalogue,
  CatalogueResult,
  LastPriced,
  MadeApiKey,
  NewApiKey,
  RepeatableResult,
} from './catalogue';
import { CatalogueStreams, type Written } from './catalogue-streams';
import { type Idempotency, ReadBehind, type Sender } from '../ledger';
import { RememberedWrites } from './remembered-writes';
import { realSleep, type Sleep } from '../sleep';

const PAGE_EVENTS = 500;

/** Pause before the store is followed again after it could not be read. */
const FOLLOW_AGAIN_MS = 500;

/** How long a position of another process is waited for, and how often it is looked. */
const REACHED_MS = 5_000;
const REACHED_STEP_MS = 10;

const notFound = (what: string): { accepted: false; refusal: Refusal } => ({
  accepted: false,
  refusal: { code: 'not_found', detail: `there is no such ${what}` },
});

/** What another process has written to the catalogue is not known here within the time limit. Send it again. */
export class CatalogueBehind extends ReadBehind {}

/** The catalogue of a process that writes to the store itself. */
export class LocalCatalogue implements Catalogue {
  private readonly cards: CatalogueStreams<RateCard, RateCardEvent>;
  private readonly keys: ApiKeys;
  private readonly clocks: CatalogueStreams<TestClock, TestClockEvent>;
  private readonly compiled = new Map<string, CompiledCard>();
  /** Everything up to here is known. */
  private followed = -1;
  /** The latest that is known; own writes may be ahead of what is followed. */
  private position = -1;
  /** Whether others write, too: then own writes say nothing of what came before them. */
  private isFollowing = false;

  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
    /** What a version has priced keeps its interval (INV-TIM-10). */
    private readonly lastPriced: LastPriced = () => Promise.resolve(null),
    private readonly sleep: Sleep = realSleep,
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
      (key, card) => this.compiled.set(key, new CompiledCard(card, this.compiled.get(key))),
    );
    this.keys = new ApiKeys(store, sleep, remembered);
    this.clocks = new CatalogueStreams(
      { prefix: 'test-clock-', types: ['TestClockCreated', 'TestClockAdvanced'], evolve: evolveTestClock },
      store,
      sleep,
      remembered,
    );
  }

  private get kinds(): readonly Pick<CatalogueStreams<unknown, CatalogueEvent>, 'prefix' | 'apply'>[] {
    return [this.cards, this.keys.streams, this.clocks];
  }

  private get prefixes(): readonly string[] {
    return this.kinds.map((kind) => kind.prefix);
  }

  /** Reads everything there is. */
  async start(): Promise<void> {
    for (;;) {
      const page = await this.store.readAll(this.followed, PAGE_EVENTS, this.prefixes);
      if (page.length === 0) return;
      this.apply(page);
    }
  }

  /**
   * Takes in what other processes write, until `signal` aborts; where the store cannot be read, until it can. Throws
   * where an event cannot be understood: then this process knows less than others do, and must not go on.
   */
  async follow(signal: AbortSignal): Promise<void> {
    this.isFollowing = true;
    while (!signal.aborted) {
      try {
        for await (const page of this.store.followAll(this.followed, this.prefixes, signal)) this.apply(page);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        // Aborted while it waits: nothing is left to follow for.
        await this.sleep(FOLLOW_AGAIN_MS, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** Position of the latest event that this process knows of, its own writes included; −1 where there is none. */
  get seen(): number {
    return this.position;
  }

  get covered(): number {
    return Math.max(this.isFollowing ? this.followed : this.position, 0);
  }

  /** As {@link Catalogue.reached}; `ms` waits for another time. */
  async reached(position: number, ms = REACHED_MS): Promise<void> {
    for (let waited = 0; this.covered < position; waited += REACHED_STEP_MS) {
      if (waited >= ms) throw new CatalogueBehind(`the catalogue is at ${String(this.covered)} still`);
      await this.sleep(REACHED_STEP_MS);
    }
  }

  /** Whether the store has nothing that this process does not know; false where it does not answer. */
  async isLevel(): Promise<boolean> {
    try {
      return (await this.store.readAll(this.followed, 1, this.prefixes)).length === 0;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      return false;
    }
  }

  private apply(page: readonly StoredEvent[]): void {
    for (const stored of page) {
      this.kinds.find((kind) => stored.stream.startsWith(kind.prefix))?.apply(stored);
      this.followed = stored.position;
    }
    this.position = Math.max(this.position, this.followed);
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

  /** Takes in what others have written to a stream by now, where there are others. */
  private async reread(streams: Pick<CatalogueStreams<unknown, CatalogueEvent>, 'reread'>, key: string): Promise<void> {
    if (this.isFollowing) this.position = Math.max(this.position, await streams.reread(key));
  }

  // ---- rate cards

  rateCards(): readonly RateCard[] {
    return this.cards.all();
  }

  rateCard(key: string): RateCard | undefined {
    return this.cards.get(key);
  }

  async latestRateCard(key: string): Promise<RateCard | undefined> {
    await this.reread(this.cards, key);
    return this.rateCard(key);
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
      (existing) => {
        const full = existing === undefined ? cardRefusal(card.organizationId, this.cards.all()) : null;
        return full === null ? createRateCard(existing, card) : refuse(full);
      },
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
      (card) => {
        if (card === undefined) return notFound('rate card');
        const full = versionRefusal(card, version.rates, this.cards.all());
        return full === null ? saveVersion(card, version) : refuse(full);
      },
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
      async (card) => {
        if (card === undefined) return notFound('rate card');
        const inForce = card.versions.find((other) => other.state === 'active' && other.effectiveUntil === null);
        // Of the first version, too: where no owner answers, nothing is activated of which none would hear.
        const last = await this.lastPriced(key, inForce?.version ?? version);
        return activateVersion(card, version, effectiveFrom, now, inForce === undefined ? null : last);
      },
      sender,
      now,
      idempotency,
    );
    const answer = this.answered(written, (state) => state);
    // Whoever asks an owner has it hear of this first: what is used after the answer is priced by this version, by none that
    // it ended, and is not put aside because no owner knew of the first one.
    if (answer.accepted) await this.lastPriced(key, version);
    return answer;
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
    return this.keys.find(secret);
  }

  async latestApiKey(id: string): Promise<ApiKey | undefined> {
    await this.reread(this.keys.streams, id);
    return this.apiKeys().find((key) => key.id === id);
  }

  async createApiKey(key: NewApiKey, sender: Sender): Promise<CatalogueResult<ApiKey & { readonly secret: string }>>;
  async createApiKey(
    key: NewApiKey,
    sender: Sender,
    idempotency: Idempotency | null,
  ): Promise<RepeatableResult<MadeApiKey>>;
  async createApiKey(
    key: NewApiKey,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<MadeApiKey> | CatalogueResult<ApiKey & { readonly secret: string }>> {
    const { written, secret } = await this.keys.create(key, sender, this.clock.now(), idempotency);
    const isReplay = written.accepted && written.replayed;
    return this.answered(written, (made) => ({ ...shownKey(made), secret: isReplay ? null : secret }));
  }

  async revokeApiKey(id: string, sender: Sender): Promise<CatalogueResult<null>> {
    const written = await this.keys.streams.write(id, revokeApiKey, sender, this.clock.now());
    return this.plain(written, () => null);
  }

  async revokeUnshownApiKey(id: string, sender: Sender): Promise<CatalogueResult<null>> {
    const written = await this.keys.streams.write(id, revokeUnshownApiKey, sender, this.clock.now());
    return this.plain(written, () => null);
  }

  async showedApiKey(id: string, sender: Sender): Promise<CatalogueResult<null>> {
    const written = await this.keys.streams.write(id, showApiKey, sender, this.clock.now());
    return this.plain(written, () => null);
  }

  unshownApiKeys(): readonly string[] {
    return this.keys.unshown();
  }

  hasApiKeys(): boolean {
    return this.keys.any;
  }

  apiKeys(): readonly ApiKey[] {
    return this.keys.all();
  }

  // ---- test clocks

  testClock(id: string): TestClock | undefined {
    return this.clocks.get(id);
  }

  async latestTestClock(id: string): Promise<TestClock | undefined> {
    await this.reread(this.clocks, id);
    return this.testClock(id);
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
