import type { Socket } from 'node:net';
import { Problem } from '../problems/problem';

/**
 * Requests of one connection that are worked on, or whose answers wait for their turn. Whoever sends one after the other
 * has one; some 1,400 fit into one packet, and their answers would wait in memory until they are read, or for ever.
 */
const IN_HAND_MAX = 16;

/** How many requests each connection has in hand. */
export class Pipelines {
  private readonly inHand = new WeakMap<Socket, number>();

  /** A request has come. Throws where its connection has too many; whoever enters leaves all the same. */
  enter(socket: Socket): void {
    const before = this.inHand.get(socket) ?? 0;
    this.inHand.set(socket, before + 1);
    if (before < IN_HAND_MAX) return;
    // Not 503: nothing of ours is down, and whoever has no credential must not raise that alert.
    throw new Problem('rate_limited', 'read the answers to the requests before it; send it again then', {
      headers: { 'retry-after': '1', connection: 'close' },
    });
  }

  /** It is answered, or nobody waits any more. */
  leave(socket: Socket): void {
    this.inHand.set(socket, (this.inHand.get(socket) ?? 1) - 1);
  }
}
