import { coverBoth, type Instant, type Position } from '@drawdown/kernel';
import type { PageRequest, Reading } from '@drawdown/projections';
import type { FastifyRequest } from 'fastify';
import { organizationOf } from '../access/caller';
import { instantOf, optional, positionFrom } from '../fields/values';
import { finding } from '../problems/problem';

/** Whose read models are asked, as of which time, and what the caller has seen. */
export const readingOf = (request: FastifyRequest, after: string | undefined): Reading => {
  const { id, now, head } = organizationOf(request);
  return { organizationId: id, now, after: bothOf(optional(after, positionFrom), head) };
};

/** What covers both positions, where they are given. */
export const bothOf = (a: Position | null, b: Position | null): Position | null =>
  a === null || b === null ? (a ?? b) : coverBoth(a, b);

export const pageOf = ({ limit, cursor }: { limit?: string; cursor?: string }): PageRequest => ({
  ...(limit === undefined ? {} : { limit: Number(limit) }),
  cursor: cursor ?? null,
});

export const PERIODS = ['7d', '30d', '90d', 'all'] as const;
export type Period = (typeof PERIODS)[number];

interface Range {
  readonly period?: Period;
  readonly from?: Instant;
  readonly to?: Instant;
}

/** The range of event times that a query names; `to` before `from` means nothing. */
export const rangeOf = (query: { period?: string; from?: string; to?: string }): Range => {
  const [from, to] = [optional(query.from, instantOf), optional(query.to, instantOf)];
  if (from !== null && to !== null && from > to) {
    throw finding('invalid_interval', '/from', 'from must not be after to');
  }
  return {
    ...(query.period === undefined ? {} : { period: query.period as Period }),
    ...(from === null ? {} : { from }),
    ...(to === null ? {} : { to }),
  };
};
