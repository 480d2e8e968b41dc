/** The groups of the in-process stream: who has which partition, and how far the group is in it. */
import type { Partition } from './in-process-partition';
import type { Log } from './log';
import { shareOut } from './share-out';
import { checkWithin, type Consumer, type Consumption, type Place } from './stream';

/** Pause before what was rejected is tried again; doubled each time, up to the longest. */
const AGAIN_FIRST_MS = 50;
const AGAIN_LONGEST_MS = 5_000;

interface Names {
  readonly topics: string;
  readonly group: string;
}

export class Group {
  private readonly members = new Map<string, Consumer>();
  private readonly seats: readonly Seat[];
  private joined = 0;

  /** @param columns partitions of the same number, by number */
  constructor(columns: readonly (readonly Partition[])[], names: Names, log: Log) {
    this.seats = columns.map((partitions, number) => new Seat(number, partitions, names, log));
  }

  join(consumer: Consumer): Consumption {
    const id = String((this.joined += 1)).padStart(9, '0');
    this.members.set(id, consumer);
    this.share();
    return {
      partitions: () => this.seats.filter(({ owner }) => owner === consumer).map(({ number }) => number),
      places: () => this.seats.flatMap((seat) => seat.placesOf(consumer)),
      stop: () => this.leave(id, consumer),
    };
  }

  wake(): void {
    for (const seat of this.seats) seat.wake();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.members].map(([id, consumer]) => this.leave(id, consumer)));
  }

  private async leave(id: string, consumer: Consumer): Promise<void> {
    this.members.delete(id);
    this.share();
    await Promise.all(this.seats.map((seat) => seat.leftBy(consumer)));
  }

  private share(): void {
    const owned = new Map(
      [...this.members].map(([id, consumer]) => [
        id,
        this.seats.filter((s) => s.owner === consumer).map((s) => s.number),
      ]),
    );
    if (owned.size === 0) for (const seat of this.seats) seat.give(undefined);
    else {
      for (const [id, share] of shareOut(this.seats.length, owned)) {
        for (const number of share) this.seats[number]?.give(this.members.get(id));
      }
    }
  }
}

/** A partition number of a group: handed over only when the one who had it has let go. */
class Seat {
  /** Whose it shall be. */
  owner: Consumer | undefined;
  /** Whose it is: `assigned` has resolved, `revoked` was not called yet. */
  private holder: Consumer | undefined;
  /** The step under way, and whom it concerns. */
  private step: Promise<void> = Promise.resolve();
  private at: Consumer | undefined;
  private settling = false;
  private readonly cursors: readonly Cursor[];
  private readonly again = new Again();

  constructor(
    readonly number: number,
    private readonly partitions: readonly Partition[],
    private readonly names: Names,
    private readonly log: Log,
  ) {
    const rejected = (error: unknown): void =>
      this.log.warn({ ...names, error: String(error) }, 'a consumer rejected a batch; it is given again');
    this.cursors = partitions.map((partition) => new Cursor(partition, () => this.working(), rejected));
  }

  wake(): void {
    for (const cursor of this.cursors) cursor.wake();
  }

  give(owner: Consumer | undefined): void {
    this.owner = owner;
    if (this.settling) return;
    this.settle().catch((error: unknown) =>
      this.log.error({ ...this.names, error: String(error) }, 'a partition is stuck'),
    );
  }

  /** Resolves when the consumer, whose it shall be no more, has let go. */
  async leftBy(consumer: Consumer): Promise<void> {
    while (this.holder === consumer || this.at === consumer) await this.step;
  }

  placesOf(consumer: Consumer): readonly Place[] {
    if (this.working() !== consumer) return [];
    return this.cursors.map(({ partition: { topic }, next }) => ({ topic, partition: this.number, next }));
  }

  private working(): Consumer | undefined {
    return this.holder === this.owner ? this.holder : undefined;
  }

  private async settle(): Promise<void> {
    this.settling = true;
    while (this.holder !== this.owner) {
      this.at = this.holder ?? this.owner;
      if (this.holder !== undefined) this.step = this.letGo(this.holder);
      else if (this.owner !== undefined) this.step = this.takeUp(this.owner);
      await this.step;
    }
    this.at = undefined;
    this.settling = false;
    this.wake();
  }

  private async letGo(holder: Consumer): Promise<void> {
    for (const cursor of this.cursors) await cursor.inHand;
    try {
      await holder.revoked?.(this.number);
    } catch (error) {
      this.log.error({ ...this.names, partition: this.number, error: String(error) }, 'a consumer failed to let go');
    }
    this.holder = undefined;
  }

  private async takeUp(owner: Consumer): Promise<void> {
    try {
      const starts = (await owner.assigned?.(this.number)) ?? {};
      this.holder = owner;
      for (const cursor of this.cursors) cursor.begin(starts[cursor.partition.topic], this.log);
      this.again.reset();
    } catch (error) {
      if (this.holder !== undefined) await this.letGo(this.holder);
      this.log.error({ ...this.names, partition: this.number, error: String(error) }, 'a partition cannot be taken up');
      await this.again.pause(() => this.owner !== owner);
    }
  }
}

/** How far a group is in a partition. Gives one batch at a time. */
class Cursor {
  next: number;
  inHand: Promise<void> | undefined;
  private readonly again = new Again();

  constructor(
    readonly partition: Partition,
    private readonly consumer: () => Consumer | undefined,
    private readonly onRejected: (error: unknown) => void,
  ) {
    this.next = partition.bounds.oldest;
    partition.cursors.push(this);
  }

  begin(start: number | undefined, log: Log): void {
    const { topic, number, bounds } = this.partition;
    if (start === undefined) return;
    if (start < bounds.oldest) {
      const fields = { topic, partition: number, from: start, ...bounds };
      log.error(fields, 'records were deleted before they were consumed');
    } else checkWithin(topic, number, start, bounds);
    this.next = Math.max(start, bounds.oldest);
  }

  wake(): void {
    if (this.inHand === undefined && this.hasWork()) {
      this.inHand = this.give().finally(() => {
        this.inHand = undefined;
        this.wake();
      });
    }
  }

  private hasWork(): boolean {
    return this.consumer() !== undefined && this.next < this.partition.bounds.end;
  }

  private async give(): Promise<void> {
    // After the present turn of the event loop: what is sent in one turn makes one batch, and nobody is starved.
    await new Promise((resolve) => setImmediate(resolve));
    const consumer = this.consumer();
    if (consumer === undefined) return;
    const { topic, number } = this.partition;
    const records = this.partition.from(this.next);
    try {
      await consumer.handle({ topic, partition: number, records });
      this.next += records.length;
      this.again.reset();
      this.partition.drop();
    } catch (error) {
      this.onRejected(error);
      await this.again.pause(() => this.consumer() !== consumer);
    }
  }
}

/** Pauses that grow. */
class Again {
  private ms = 0;

  reset(): void {
    this.ms = 0;
  }

  /** Ends early where nobody needs it any more. */
  async pause(early: () => boolean = () => false): Promise<void> {
    this.ms = Math.min(Math.max(AGAIN_FIRST_MS, this.ms * 2), AGAIN_LONGEST_MS);
    for (const end = performance.now() + this.ms; performance.now() < end && !early();) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_FIRST_MS).unref());
    }
  }
}
