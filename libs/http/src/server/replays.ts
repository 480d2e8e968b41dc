import type { JsonObject } from '@drawdown/kernel';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { keyOf } from '../access/caller';
import { Problem } from '../problems/problem';
import { idempotencyOf } from './idempotency';

/** Answers that are remembered; the oldest is forgotten first. */
const REMEMBERED_MAX = 10_000;

interface Remembered {
  readonly hash: string;
  readonly answer: Promise<JsonObject>;
}

/**
 * Repetitions of what belongs to neither one organization nor the catalogue, so that no event remembers them: driving
 * quarantined usage again, where each usage event stands for itself and is charged once however often it is driven. A
 * process remembers its own answers and no more. Failures are not remembered.
 */
@Injectable()
export class Replays {
  private readonly answers = new Map<string, Remembered>();

  /** Does a write once per API key and Idempotency-Key, also while the first one is still under way. */
  async once(request: FastifyRequest, reply: FastifyReply, write: () => Promise<JsonObject>): Promise<JsonObject> {
    const idempotency = idempotencyOf(request);
    if (idempotency === null) return write();
    const id = `${keyOf(request).id}\n${idempotency.key}`;
    const before = this.answers.get(id);
    if (before !== undefined) {
      if (before.hash !== idempotency.hash) {
        throw new Problem(
          'idempotency_key_reused',
          'this Idempotency-Key came before with another request; use a new one',
        );
      }
      reply.header('idempotent-replay', 'true');
      return before.answer;
    }
    const answer = write();
    this.remember(id, { hash: idempotency.hash, answer });
    try {
      return await answer;
    } catch (error) {
      this.answers.delete(id);
      throw error;
    }
  }

  private remember(id: string, remembered: Remembered): void {
    this.answers.set(id, remembered);
    const [oldest] = this.answers.keys();
    if (this.answers.size > REMEMBERED_MAX && oldest !== undefined) this.answers.delete(oldest);
  }
}
