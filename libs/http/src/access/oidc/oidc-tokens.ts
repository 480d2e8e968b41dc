import { performance } from 'node:perf_hooks';
import { USER_ID, USER_ID_FORM } from '@drawdown/kernel';
import { decodeJwt, errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import type { HttpLog } from '../../server/http-log';
import { IssuerUnavailable, type PersonTokens } from '../person-tokens';
import { IssuerKeys } from './issuer-keys';

/** Signatures that count. Only asymmetric ones: under HS256 the issuer's public key would be the secret. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** Kinds of token that say who calls; a logout token, for one, does not (RFC 8725 §3.11). */
const TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];
/** How far the issuer's clock and this one may be apart. */
const CLOCK_TOLERANCE_SECONDS = 30;

/** Anybody with an account at the issuer can have this said, as often as they like. */
const WARN_EVERY_MS = 60_000;

export interface OidcOptions {
  /** As the tokens' `iss` has it; the discovery document lies below it. */
  readonly issuer: string;
  /** Must be among the tokens' `aud`. */
  readonly audience: string;
  /** The claim that is a person's id; `sub` unless said. */
  readonly userClaim?: string;
  readonly log: Pick<HttpLog, 'warn'>;
  readonly now?: () => Date;
  readonly elapsed?: () => number;
}

/** Tokens of an OpenID Connect issuer: signed by it, for this audience, valid now. A claim is the person's id. */
export class OidcTokens implements PersonTokens {
  private readonly keys: IssuerKeys;
  private readonly userClaim: string;
  private readonly log: OidcOptions['log'];
  private readonly elapsed: () => number;
  private warnedAt = -Infinity;
  private readonly now: () => Date;
  private readonly rules: JWTVerifyOptions;

  constructor({ issuer, audience, userClaim = 'sub', log, ...clocks }: OidcOptions) {
    const { now = () => new Date(), elapsed = () => performance.now() } = clocks;
    this.keys = new IssuerKeys({ issuer, log, elapsed });
    this.now = now;
    this.userClaim = userClaim;
    this.log = log;
    this.elapsed = elapsed;
    this.rules = {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['exp'],
    };
  }

  async personOf(token: string): Promise<string | null> {
    try {
      // Looked at before the signature only to spare the issuer questions about tokens of others.
      if (decodeJwt(token).iss !== this.rules.issuer) return null;
      const { payload, protectedHeader } = await jwtVerify(token, this.keys.find, {
        ...this.rules,
        currentDate: this.now(),
      });
      if (!TYPES.includes(protectedHeader.typ?.toLowerCase())) return null;
      return this.idIn(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      if (error instanceof IssuerUnavailable) throw error;
      throw new IssuerUnavailable(`the OIDC issuer has a key that cannot be used: ${String(error)}`, { cause: error });
    }
  }

  /** Whoever runs this has to learn why people with right tokens do not get in; which people, is in no log. */
  private idIn(payload: JWTPayload): string | null {
    const id = payload[this.userClaim];
    if (typeof id === 'string' && USER_ID.test(id)) return id;
    if (this.elapsed() - this.warnedAt > WARN_EVERY_MS) {
      this.warnedAt = this.elapsed();
      const reason = typeof id === 'string' ? `it is not ${USER_ID_FORM}` : 'it is missing, or no text';
      this.log.warn({ claim: this.userClaim, reason }, 'a valid token is nobody’s: set DRAWDOWN_OIDC_USER_CLAIM');
    }
    return null;
  }
}
