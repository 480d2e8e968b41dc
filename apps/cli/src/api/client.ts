import { coverBoth, formatPosition, parsePosition } from '@drawdown/kernel';
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';

/** Longer than the server gives a request, so that it is the server who says what went wrong. */
const REQUEST_TIMEOUT_MS = 35_000;
/** A server that asks for a longer pause is asked again after this one. */
const RETRY_AFTER_MAX_MS = 30_000;

/** The server answered, and refuses. `code` as in api.md; `http_<status>` where something else answered in its place. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    /** What the server asks for, in milliseconds. */
    readonly retryAfterMs: number | null,
  ) {
    super(`${code}: ${detail}`);
    this.name = 'ApiProblem';
  }
}

/** No answer came: no connection, a cut one, or none in time. Whether the request had an effect is unknown. */
export class Unreachable extends Error {
  constructor(url: string, cause: unknown) {
    super(`no answer from ${url}: ${reasonOf(cause)}`, { cause });
    this.name = 'Unreachable';
  }
}

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as NodeJS.ErrnoException;
  return code !== undefined && cause.message === '' ? code : cause.message;
};

const Problem = TypeCompiler.Compile(Type.Object({ code: Type.String(), detail: Type.Optional(Type.String()) }));

/** A shape that answers are checked against; fields it does not name may come. */
export type Shape<T extends TSchema> = ReturnType<typeof TypeCompiler.Compile<T>>;
export const shapeOf = <T extends TSchema>(schema: T): Shape<T> => TypeCompiler.Compile(schema);

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Sent as JSON; a text goes out as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The HTTP API as the commands use it: one request, one checked answer. Retrying is the caller's business. */
export class ApiClient {
  readonly url: string;

  constructor(
    url: string,
    private readonly key: string | undefined,
  ) {
    this.url = url.replace(/\/+$/, '');
  }

  /** Rejects with {@link ApiProblem} or {@link Unreachable}; with the signal's reason where that aborts. */
  async ask<T extends TSchema>(path: string, shape: Shape<T>, request: Request = {}): Promise<Static<T>> {
    const { status, answer } = await this.exchange(path, request);
    if (!shape.Check(answer)) {
      const fault = shape.Errors(answer).First();
      const where = fault === undefined ? '' : ` (${fault.path || 'the whole'}: ${fault.message})`;
      throw new ApiProblem(status, 'unexpected_answer', `${path} answered in another form than expected${where}`, null);
    }
    return answer as Static<T>;
  }

  /** True where a Drawdown server answers at the URL. */
  async isReachable(signal: AbortSignal): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/livez`, { signal: withTimeout(signal) })).ok;
    } catch (error) {
      if (signal.aborted) throw error;
      return false;
    }
  }

  private async exchange(path: string, request: Request): Promise<{ status: number; answer: unknown }> {
    const { method = 'GET', body, headers = {}, signal } = request;
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url + path, {
        method,
        headers: {
          ...(this.key === undefined ? {} : { authorization: `Bearer ${this.key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        signal: withTimeout(signal),
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw new Unreachable(this.url, error);
    }
    const answer = jsonOf(text);
    if (!response.ok) throw problemOf(response, answer);
    return { status: response.status, answer };
  }
}

const withTimeout = (signal: AbortSignal | undefined): AbortSignal => {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
};

/** `undefined` for what is no JSON: a proxy's page, or an answer that was cut. */
const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

const problemOf = (response: Response, answer: unknown): ApiProblem => {
  const seconds = /^\d{1,9}$/.exec(response.headers.get('retry-after') ?? '')?.[0];
  const retryAfterMs = seconds === undefined ? null : Math.min(Number(seconds) * 1000, RETRY_AFTER_MAX_MS);
  const { status } = response;
  if (Problem.Check(answer)) return new ApiProblem(status, answer.code, answer.detail ?? '', retryAfterMs);
  return new ApiProblem(status, `http_${String(status)}`, response.statusText, retryAfterMs);
};

/** The position that covers both; either may be absent or null. */
export const coverPositions = (a: string | null, b: string | null): string | null => {
  const [first, second] = [a ?? b, b ?? a];
  if (first === null || second === null) return null;
  const [left, right] = [parsePosition(first), parsePosition(second)];
  return left === undefined || right === undefined ? second : formatPosition(coverBoth(left, right));
};
