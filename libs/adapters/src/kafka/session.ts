/** With one each half second, for longer than a coordinator loads a group of this size. */
const HEARTBEATS_BELIEVED = 4;

/**
 * How long a member may take for its own what its group has given it.
 *
 * A group gives away what belongs to a member of which it has heard nothing for a session. It can tell only a member that
 * it reaches; one that is cut off has to conclude it from the silence. Were it to go on with what needs no record (a shard
 * settles what is due by its own timer), it would write between the writes of the next owner: the expected revision lets
 * only one of them through, so nothing is booked twice, but as often as not it is the real owner that is fenced, drops its
 * state and loads it again.
 *
 * So after a session without an answer a member owns nothing, as if that had been taken from it, until it hears that it is
 * a member. Where Kafka is away for all of them nobody is given anything meanwhile, which cannot be told apart from here.
 * What falls due waits there, with everything else; no read shows and no command draws what has expired (INV-TIM-2,
 * INV-TIM-3), and the first turn afterwards books it as of when it was due (INV-TIM-6). What was let go of has left its
 * snapshot, so that taking it up again costs little.
 *
 * Two answers end the silence. A join, as the same member or as another one. Or several heartbeats on end: member and
 * generation are those that the group knows, so that it has given nothing away: a broker that comes back begins all
 * sessions anew. One is not enough: a coordinator that still loads its groups agrees to any.
 */
export class Session {
  private heardAt = -Infinity;
  /** When the join was sent that has not led to anything yet. */
  private joiningAt: number | null = null;
  /** Heartbeats answered since it has lapsed. */
  private answers = 0;
  private state: 'none' | 'held' | 'lapsed' = 'none';

  constructor(
    private readonly ms: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** False where the group may have given to others what this member had. */
  get isHeld(): boolean {
    return this.state === 'held' && this.silentMs < this.ms;
  }

  get silentMs(): number {
    return this.now() - this.heardAt;
  }

  /** How long a join has been under way. */
  get joiningMs(): number {
    return this.joiningAt === null ? 0 : this.now() - this.joiningAt;
  }

  /**
   * A join is sent. While the group waits for the others it ends nobody's session who has joined, and it waits for less
   * than one. Only the first counts until `joined`: those sent again may reach nobody.
   */
  joins(): void {
    if (this.joiningAt !== null) return;
    this.heardAt = this.now();
    this.joiningAt = this.heardAt;
  }

  joined(): void {
    this.heardAt = this.now();
    this.joiningAt = null;
    this.state = 'held';
  }

  /** A heartbeat is answered. True where that ends a silence: what was let go of is this member's still. */
  answered(): boolean {
    if (this.silentMs >= this.ms) this.answers = 0;
    this.heardAt = this.now();
    if (this.state !== 'lapsed' || this.joiningAt !== null) return false;
    this.answers += 1;
    if (this.answers < HEARTBEATS_BELIEVED) return false;
    this.state = 'held';
    return true;
  }

  /** True once, when it has lapsed: whatever was given is to be let go of. */
  lapses(): boolean {
    if (this.state !== 'held' || this.isHeld) return false;
    this.state = 'lapsed';
    this.answers = 0;
    return true;
  }
}
