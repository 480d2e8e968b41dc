import {
  type AsOf,
  type CatalogueResult,
  type CatalogueView,
  type CommandResult,
  OrganizationAsOf,
  ReadOrganization,
  type RepeatableResult,
  RunCommand,
  type Shown,
  type View,
} from '@drawdown/commands';
import type { OrganizationCommand } from '@drawdown/domain';
import {
  CATALOGUE,
  formatPosition,
  type Instant,
  type Json,
  type JsonObject,
  type Position,
  positionOf,
} from '@drawdown/kernel';
import type { Answer, Reading } from '@drawdown/projections';
import { Injectable } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { organizationIdOf, senderOf } from '../access/caller';
import { optional, positionFrom } from '../fields/values';
import { notFound, Problem, refusalProblem } from '../problems/problem';
import { idempotencyOf } from './idempotency';

const keyReused = (): Problem =>
  new Problem('idempotency_key_reused', 'this Idempotency-Key came before with another request; use a new one');

const REPLAY = { 'idempotent-replay': 'true' };

/** What controllers share: a command to the organization of the path, a look at it, and the answers to both. */
@Injectable()
export class Sending {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /** Runs a command on the organization of the path; answers what it led to, with its position, or throws its problem. */
  async run(request: FastifyRequest, reply: FastifyReply, command: OrganizationCommand): Promise<JsonObject> {
    return this.runOn(organizationIdOf(request), request, reply, command);
  }

  async runOn(
    organizationId: string,
    request: FastifyRequest,
    reply: FastifyReply,
    command: OrganizationCommand,
  ): Promise<JsonObject> {
    const { commands } = this;
    return commandAnswer(
      await commands.execute(new RunCommand(organizationId, command, senderOf(request), idempotencyOf(request))),
      reply,
    );
  }

  /** Shows the organization of the path as its ledger has it, not before `after`. */
  async show(request: FastifyRequest, after: string | undefined, view: Showing): Promise<JsonObject> {
    return shownAnswer(await this.look(request, after, view));
  }

  /** What `view` makes of the organization of the path as its ledger has it, not before `after`. */
  async look<T>(request: FastifyRequest, after: string | undefined, view: View<T>): Promise<Shown<T>> {
    const seen = optional(after, positionFrom);
    const shown = await this.queries.execute(new ReadOrganization(organizationIdOf(request), seen, view));
    if (shown === undefined) throw notFound();
    return shown;
  }

  /** What read models are asked with, on a route where the gate did not look at the organization. */
  async readingOf(request: FastifyRequest, after: string | undefined): Promise<Reading> {
    const organizationId = organizationIdOf(request);
    const seenBefore = optional(after, positionFrom);
    const seen = await this.queries.execute(new ReadOrganization(organizationId, seenBefore, (_, now) => now));
    if (seen === undefined) throw notFound();
    return { organizationId, now: seen.value, after: seenBefore };
  }

  /** The same, as it was. */
  async showAsOf(request: FastifyRequest, when: Moment, view: Showing): Promise<JsonObject> {
    return shownAnswer(await this.queries.execute(new OrganizationAsOf(organizationIdOf(request), when, view)));
  }
}

/** Makes a new document for an answer; `undefined` where the organization has no such thing. */
export type Showing = View<JsonObject | undefined>;
export type Moment = OrganizationAsOf<unknown>['when'];

export const shownAnswer = (shown: Shown<JsonObject | undefined> | undefined): JsonObject => {
  if (shown?.value === undefined) throw notFound();
  // Added to the view's own document: a key after a spread is what V8 has no fast way for.
  const document: Record<string, Json> = shown.value;
  document['as_of'] = asOfDocument(shown.asOf);
  return document;
};

export const asOfDocument = ({ position, time }: AsOf): JsonObject => ({ position: formatPosition(position), time });

/** Resolves once the catalogue shows what its reader has seen of it. */
export const catalogueReached = async (catalogue: CatalogueView, after: string | undefined): Promise<void> => {
  const seen = optional(after, positionFrom)?.get(CATALOGUE);
  if (seen !== undefined) await catalogue.reached(seen);
};

/** What a read of the catalogue covers at least; of this process's own writes it may show more. */
export const catalogueAsOf = (catalogue: CatalogueView, time: Instant): JsonObject =>
  asOfDocument({ position: positionOf(CATALOGUE, catalogue.covered), time });

/** An answer of the read models, or 404 where there is none. */
export const readAnswer = <T extends object>(answer: Answer<T> | undefined): object => {
  if (answer === undefined) throw notFound();
  return { ...answer.value, as_of: asOfDocument(answer.asOf) };
};

export const commandAnswer = (result: CommandResult, reply: FastifyReply): JsonObject => {
  if (result.accepted) {
    if (result.replayed) reply.headers(REPLAY);
    return withPosition(result.answer, result.position);
  }
  if ('keyReused' in result) {
    throw keyReused();
  }
  throw refusalProblem(result.refusal, result.replayed ? REPLAY : {});
};

/** What a write to the catalogue led to, or its problem. */
export const catalogueAnswer = <T>(result: CatalogueResult<T>, document: (value: T) => JsonObject): JsonObject => {
  if (!result.accepted) throw refusalProblem(result.refusal);
  return withPosition(document(result.value), result.position);
};

/** The same of one that may be repeated under its Idempotency-Key. */
export const repeatableAnswer = <T>(
  result: RepeatableResult<T>,
  reply: FastifyReply,
  document: (value: T) => JsonObject,
): JsonObject => {
  if ('keyReused' in result) throw keyReused();
  if (result.accepted && result.replayed) reply.headers(REPLAY);
  return catalogueAnswer(result, document);
};

export const withPosition = (document: JsonObject, position: Position): JsonObject => ({
  ...document,
  position: formatPosition(position),
});
