import {
  type Actor,
  bookedAtOf,
  type CatalogueEvent,
  type Metadata,
  readCatalogueEvent,
  readMetadata,
  writeCatalogueEvent,
} from '@drawdown/domain';
import { type Decision, eventIdOf, type Instant, type JsonObject, UnreadableEvent } from '@drawdown/kernel';
import {
  AppendUnknown,
  type EventStore,
  type NewEvent,
  pagesToEnd,
  type StoredEvent,
  StreamConflict,
} from '@drawdown/ports';
import { createHash, randomUUID } from 'node:crypto';
import type { Refusal } from '@drawdown/domain';
import { type Idempotency, LedgerUnavailable, type Sender } from '../ledger';
import { LogDamaged } from '../load-shard';
import type { RememberedWrite, RememberedWrites } from './remembered-writes';
import type { Sleep } from '../sleep';

/** Attempts at one write while others write the same stream; more would be a fight, not a race. */
const ATTEMPTS_MAX = 5;
const RETRIES_MAX = 20;

/** What all kinds of catalogue streams share. */
export interface StreamPorts {
  readonly store: EventStore;
  readonly sleep: Sleep;
  readonly remembered: RememberedWrites;
}

/** One kind of catalogue stream: its prefix, and how its events make its state. */
export interface Kind<State, Event extends CatalogueEvent> {
  readonly prefix: string;
  readonly types: readonly Event['type'][];
  readonly evolve: (state: State | undefined, event: Event) => State;
}

interface Entry<State> {
  readonly state: State;
  readonly revision: number;
}

/** What a write led to, now or, under the same key, before. */
export type Written<State> =
  /** Global position of what was written; null where nothing had to be. */
  | { readonly accepted: true; readonly state: State; readonly position: number | null; readonly replayed: boolean }
  | { readonly accepted: false; readonly refusal: Refusal }
  | { readonly accepted: false; readonly keyReused: true };

/** All streams of one kind, in memory, written by load → decide → append (style: the second of the two write paths). */
export class CatalogueStreams<State, Event extends CatalogueEvent> {
  private readonly entries = new Map<string, Entry<State>>();

  constructor(
    private readonly kind: Kind<State, Event>,
    private readonly ports: StreamPorts,
    private readonly applied: (key: string, state: State) => void = () => undefined,
  ) {}

  get(key: string): State | undefined {
    return this.entries.get(key)?.state;
  }

  all(): State[] {
    return [...this.entries.values()].map((entry) => entry.state);
  }

  get prefix(): string {
    return this.kind.prefix;
  }

  /** Takes in what other processes have written to a stream by now; answers the global position of that, −1 where it is nothing. */
  async reread(key: string): Promise<number> {
    try {
      return await this.catchUp(this.kind.prefix + key, (this.entries.get(key)?.revision ?? -1) + 1);
    } catch (error) {
      if (error instanceof LogDamaged || error instanceof UnreadableEvent) throw error;
      throw unavailable(error);
    }
  }

  /** Puts a stored event into memory; one that is there already is passed over. */
  apply(stored: StoredEvent): void {
    const key = stored.stream.slice(this.kind.prefix.length);
    const entry = this.entries.get(key);
    const revision = entry?.revision ?? -1;
    if (stored.revision <= revision) return;
    if (stored.revision !== revision + 1) {
      throw new Error(`${stored.stream}: revision ${String(stored.revision)} follows ${String(revision)}`);
    }
    if (contentHash(stored).toString('hex') !== stored.metadata['hash']) {
      const place = `revision ${String(stored.revision)}`;
      throw new LogDamaged(
        `${stored.stream}: the hash of ${place} does not match its content; take the log from a backup, as in "Backup and restore" of deploy/README.md`,
      );
    }
    const { event, metadata } = decoded<Event>(stored);
    const state = this.kind.evolve(entry?.state, event);
    this.entries.set(key, { state, revision: stored.revision });
    this.remember(stored, metadata);
    this.applied(key, state);
  }

  private remember({ stream, revision, position }: StoredEvent, metadata: Metadata): void {
    const { actor, command } = metadata;
    if (command === undefined) return;
    const write = { hash: command.hash, stream, revision, position, bookedAt: bookedAtOf(metadata) };
    this.ports.remembered.remember(actor, command.key, write);
  }

  /**
   * Decides on what is there and appends; where another writer was first, reads what it wrote and decides again: an
   * append shows that by its conflict, and where there is none it is looked up. Answers the state afterwards and the
   * global position. What was done before under the same key is answered as then.
   */
  async write(
    key: string,
    decide: (state: State | undefined) => Decision<Event, Refusal> | Promise<Decision<Event, Refusal>>,
    sender: Sender,
    bookedAt: Instant,
    idempotency: Idempotency | null = null,
  ): Promise<Written<State>> {
    const stream = this.kind.prefix + key;
    const writeId = randomUUID();
    /** Global position of what others wrote and was read on the way. */
    let known = -1;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const before = idempotency === null ? undefined : this.ports.remembered.find(sender.actor, idempotency.key);
      if (before !== undefined) return this.replay(before, idempotency);
      const entry = this.entries.get(key);
      // What is read meanwhile shows as a conflict.
      const decision = await decide(entry?.state);
      const isVain = !decision.accepted || (decision.events.length === 0 && entry !== undefined);
      const others = isVain ? await this.reread(key) : -1;
      if (others >= 0) {
        known = Math.max(known, others);
        continue;
      }
      if (!decision.accepted) return decision;
      if (decision.events.length === 0 && entry !== undefined)
        return { accepted: true, state: entry.state, position: known < 0 ? null : known, replayed: false };
      const expected = (entry?.revision ?? -1) + 1;
      const events = decision.events.map((event, index) =>
        encoded(
          writeId,
          stream,
          expected + index,
          event,
          sender,
          bookedAt,
          last(decision.events, index) ? idempotency : null,
        ),
      );
      try {
        const { position } = await this.append(stream, expected, events);
        for (const [index, event] of events.entries()) {
          this.apply({ ...event, stream, revision: expected + index, position });
        }
        const state = this.get(key);
        if (state === undefined) throw new Error(`${stream} is empty after a write`);
        return { accepted: true, state, position, replayed: false };
      } catch (error) {
        if (!(error instanceof StreamConflict)) {
          // It may be stored all the same: then this process must not go on without it.
          if (error instanceof AppendUnknown) await this.catchUp(stream, expected).catch(() => undefined);
          throw unavailable(error);
        }
        known = Math.max(known, await this.catchUp(stream, expected));
      }
    }
    throw new LedgerUnavailable(`${stream} is being written by others all the time; send it again`);
  }

  /** The answer of a write that was done before: the state after it, folded from its short stream. */
  private async replay(write: RememberedWrite, idempotency: Idempotency | null): Promise<Written<State>> {
    const { hash, stream, revision, position } = write;
    const { prefix } = this.kind;
    if (hash !== idempotency?.hash || !stream.startsWith(prefix)) return { accepted: false, keyReused: true };
    const entry = this.entries.get(stream.slice(prefix.length));
    const state = entry?.revision === revision ? entry.state : await this.stateAt(stream, revision);
    return { accepted: true, state, position, replayed: true };
  }

  private async stateAt(stream: string, revision: number): Promise<State> {
    let state: State | undefined;
    const events = await this.eventsUpTo(stream, revision);
    for (const stored of events) state = this.kind.evolve(state, decoded<Event>(stored).event);
    if (state === undefined || events.length <= revision)
      throw new Error(`${stream} has no revision ${String(revision)}, which is remembered`);
    return state;
  }

  private async eventsUpTo(stream: string, revision: number): Promise<readonly StoredEvent[]> {
    const events: StoredEvent[] = [];
    try {
      for await (const page of pagesToEnd(this.ports.store, stream, 0)) {
        events.push(...page);
        if (events.length > revision) break;
      }
    } catch (error) {
      throw unavailable(error);
    }
    return events.slice(0, revision + 1);
  }

  private async append(stream: string, expected: number, events: readonly NewEvent[]): Promise<{ position: number }> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.ports.store.append(stream, expected, events);
      } catch (error) {
        if (!(error instanceof AppendUnknown) || attempt >= RETRIES_MAX) throw error;
        await this.ports.sleep(50 * (attempt + 1));
      }
    }
  }

  private async catchUp(stream: string, from: number): Promise<number> {
    let position = -1;
    for await (const page of pagesToEnd(this.ports.store, stream, from)) {
      for (const stored of page) {
        this.apply(stored);
        position = stored.position;
      }
    }
    return position;
  }
}

/** Throws {@link UnreadableEvent}, which says where the event lies. */
const decoded = <Event extends CatalogueEvent>(stored: StoredEvent): { event: Event; metadata: Metadata } => {
  try {
    const metadata = readMetadata(stored.metadata);
    const data: unknown = JSON.parse(Buffer.from(stored.data).toString('utf8'));
    return { event: readCatalogueEvent(stored.type, metadata.version, data) as Event, metadata };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnreadableEvent(`${stored.stream} revision ${String(stored.revision)}: ${why}`, { cause });
  }
};

const last = (events: readonly unknown[], index: number): boolean => index === events.length - 1;

const unavailable = (error: unknown): Error =>
  new LedgerUnavailable(`the event store cannot take it: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });

/** What an event of the catalogue says and where: a price that is not as it was saved must not price anything. */
const contentHash = ({ stream, revision, type, data }: Pick<StoredEvent, 'stream' | 'revision' | 'type' | 'data'>) =>
  createHash('sha256')
    .update(`${stream}\n${String(revision)}\n${type}\n`)
    .update(data)
    .digest();

/** The event's id follows from the write and the place: repeated it is the same, another write of the same content is not. */
const encoded = (
  writeId: string,
  stream: string,
  revision: number,
  event: CatalogueEvent,
  { actor, requestId }: { actor: Actor; requestId: string },
  bookedAt: Instant,
  idempotency: Idempotency | null,
): NewEvent => {
  const { version, stored } = writeCatalogueEvent(event);
  const data = Buffer.from(JSON.stringify(stored), 'utf8');
  const hash = contentHash({ stream, revision, type: event.type, data });
  const metadata: JsonObject = {
    version,
    booked_at: bookedAt,
    actor: { ...actor },
    request_id: requestId,
    // The answer is not repeated here: it follows from the stream up to this event, however large it is.
    ...(idempotency === null ? {} : { command: { ...idempotency, accepted: true, answer: null } }),
    hash: hash.toString('hex'),
  };
  const id = createHash('sha256')
    .update(`${writeId}\n${stream}\n${String(revision)}`)
    .digest();
  return { id: eventIdOf(id), type: event.type, data, metadata };
};
