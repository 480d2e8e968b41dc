import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { HttpLog } from '../../server/http-log';
import { IssuerUnavailable } from '../person-tokens';

/** After so long the issuer is asked again: a key that it has withdrawn must stop to count. */
const FRESH_MS = 10 * 60_000;
/** While the issuer does not answer, what it said last counts for so long: people go on working through its outages. */
const USABLE_MS = 60 * 60_000;
/** Between two questions: made-up key ids must not become requests to the issuer, one for one. */
const COOLDOWN_MS = 30_000;
/** The same after a question that failed, so that the end of an outage is soon noticed. */
const RETRY_MS = 2_000;
/** How long the issuer may take for one answer. */
const ANSWER_TIMEOUT_MS = 5_000;

export interface IssuerKeysOptions {
  readonly issuer: string;
  readonly log: Pick<HttpLog, 'warn'>;
  /** A clock that only goes forward, in ms. */
  readonly elapsed: () => number;
}

/** The keys with which an issuer signs, as its discovery document names them. Kept, and asked for again where one is missing. */
export class IssuerKeys {
  private known: { readonly find: JWTVerifyGetKey; readonly at: number } | null = null;
  private asking: Promise<void> | null = null;
  private askAgainAt = -Infinity;
  private failure: IssuerUnavailable | null = null;

  constructor(private readonly options: IssuerKeysOptions) {}

  /** The key that a token names. Rejects with a `JOSEError` where there is none, with {@link IssuerUnavailable} where that is not known. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const find = await this.current();
    try {
      return await find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.ask();
      const after = this.known?.find ?? find;
      if (after === find) throw error;
      return after(header, token);
    }
  };

  private async current(): Promise<JWTVerifyGetKey> {
    const age = this.known === null ? Infinity : this.options.elapsed() - this.known.at;
    if (age >= USABLE_MS) await this.ask();
    // Nobody waits for this one: what is known counts meanwhile, and a failure is logged and kept.
    else if (age >= FRESH_MS) this.ask().catch(() => undefined);
    const usable = this.known !== null && this.options.elapsed() - this.known.at < USABLE_MS;
    if (this.known === null || !usable) throw new IssuerUnavailable('the keys of the issuer are not known');
    return this.known.find;
  }

  /** Asks the issuer, once for all who want that, and not again too soon; then the last question's outcome stands. */
  private ask(): Promise<void> {
    if (this.asking !== null) return this.asking;
    if (this.options.elapsed() < this.askAgainAt) {
      return this.failure === null ? Promise.resolve() : Promise.reject(this.failure);
    }
    this.asking = this.fetchKeys().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  private async fetchKeys(): Promise<void> {
    const { issuer, log, elapsed } = this.options;
    try {
      const keys = await fetchJson(await jwksUriOf(issuer));
      this.known = { find: createLocalJWKSet(keys as unknown as JSONWebKeySet), at: elapsed() };
      this.failure = null;
      this.askAgainAt = elapsed() + COOLDOWN_MS;
    } catch (error) {
      this.failure = new IssuerUnavailable(`the OIDC issuer does not say which keys it has: ${reasonOf(error)}`);
      this.askAgainAt = elapsed() + RETRY_MS;
      log.warn({ issuer, reason: this.failure.message }, 'the OIDC issuer is unavailable');
      throw this.failure;
    }
  }
}

/** `fetch` says why only in the cause. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : String(error);

type Answered = Readonly<Record<string, unknown>>;

const fetchJson = async (url: string): Promise<Answered> => {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`${url} answers ${String(response.status)}`);
  const answered: unknown = await response.json();
  if (typeof answered !== 'object' || answered === null) throw new Error(`${url} answers no object`);
  return answered as Answered;
};

/** Where the issuer has its keys (OpenID Connect Discovery 1.0 §4). The document must be the issuer's own. */
const jwksUriOf = async (issuer: string): Promise<string> => {
  const { issuer: named, jwks_uri: uri } = await fetchJson(
    `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
  );
  if (named !== issuer) throw new Error(`the discovery document is that of ${JSON.stringify(named)}`);
  if (typeof uri !== 'string') throw new Error('the discovery document names no jwks_uri');
  // Keys that anybody on the way could replace prove nothing.
  if (issuer.startsWith('https:') && !uri.startsWith('https:')) throw new Error('jwks_uri is no https address');
  return uri;
};
