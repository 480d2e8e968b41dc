import type { Refusal } from '@drawdown/domain';
import { type JsonObject, SHOWN_MAX } from '@drawdown/kernel';
import { isProblemCode, type ProblemCode, PROBLEMS, statusOf } from './codes';

/** One thing that is wrong, and where: a JSON Pointer into the body, or `/<name>` of a query parameter. */
export interface Finding {
  readonly pointer: string;
  readonly code: ProblemCode;
  readonly detail: string;
}

interface ProblemOptions {
  readonly errors?: readonly Finding[];
  /** Extension members (RFC 9457 §3.2) that a client needs to act. */
  readonly more?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that says why there is no other one (RFC 9457). Thrown anywhere on a request's way; one filter answers it. */
export class Problem extends Error {
  readonly errors: readonly Finding[];
  readonly more: JsonObject;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    { errors = [], more = {}, headers = {} }: ProblemOptions = {},
  ) {
    super(`${code}: ${detail}`);
    this.errors = errors;
    this.more = more;
    this.headers = headers;
  }

  get status(): number {
    return statusOf(this.code);
  }
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export const problemDocument = (problem: Problem, requestId: string): JsonObject => ({
  type: `urn:drawdown:problem:${problem.code}`,
  title: PROBLEMS[problem.code][1],
  status: problem.status,
  detail: problem.detail,
  code: problem.code,
  request_id: requestId,
  errors: problem.errors.map(({ pointer, code, detail }) => ({ pointer, code, detail })),
  ...problem.more,
});

/** There is no such thing, or it is not the caller's: one body for both, whatever was asked for (INV-TEN-2). */
export const notFound = (): Problem => new Problem('not_found', 'there is no such thing here, or it is not yours');

/** One finding of a body or a query. */
export const finding = (code: ProblemCode, pointer: string, detail: string): Problem =>
  new Problem(code, detail, { errors: [{ pointer, code, detail }] });

/** The problem of a cursor that is not of the list. */
export const invalidCursor = (): Problem =>
  finding('invalid_cursor', '/cursor', 'no page of this list answered this cursor');

/** Findings that are listed: nobody reads more, and a body of four megabytes can have hundreds of thousands. */
export const FINDINGS_MAX = 1_000;

/**
 * The problem of several findings. Those about form (400) come before those about meaning: as long as there is one of
 * the former, the latter are not looked at (bad-input order of checks).
 */
export const findings = (all: readonly Finding[]): Problem => {
  const formal = all.filter(({ code }) => statusOf(code) === 400);
  const errors = formal.length > 0 ? formal : all;
  const [first] = errors;
  if (first === undefined) throw new Error('a problem without a finding');
  return new Problem(first.code, first.detail, { errors: errors.slice(0, FINDINGS_MAX) });
};

/** A worker is upgraded before the api: until that one is, in half a minute or more, nobody here knows what status its refusal has. */
const ofANewerRelease = (code: string): Problem =>
  new Problem(
    'unavailable',
    `it was refused with ${quoted(code)}, which this process is too old to answer: send it again with the same key`,
    { headers: { 'retry-after': '30' } },
  );

/** What a refused command's caller is told. */
export const refusalProblem = (refusal: Refusal, headers: Readonly<Record<string, string>> = {}): Problem => {
  const { code, detail, more = {} } = refusal;
  if (code === 'not_found') return notFound();
  if (!isProblemCode(code)) return ofANewerRelease(code);
  const pointers = refusal.pointers ?? (refusal.pointer === undefined ? [] : [refusal.pointer]);
  return new Problem(code, detail, { errors: pointers.map((pointer) => ({ pointer, code, detail })), more, headers });
};

/** Input as it may appear in a message: at most 64 characters, control characters escaped. */
export const quoted = (input: string): string => JSON.stringify(input.slice(0, SHOWN_MAX));
