import { performance } from 'node:perf_hooks';
import { CALLER_ID } from '@drawdown/kernel';
import { decodeJwt, errors, jwtVerify, type JWTVerifyOptions } from 'jose';
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

export interface OidcOptions {
  /** As the tokens' `iss` has it; the discovery document lies below it. */
  readonly issuer: string;
  /** Must be among the tokens' `aud`. */
  readonly audience: string;
  readonly log: Pick<HttpLog, 'warn'>;
  readonly now?: () => Date;
  readonly elapsed?: () => number;
}

/** Tokens of an OpenID Connect issuer: signed by it, for this audience, valid now. `sub` is the person's id. */
export class OidcTokens implements PersonTokens {
  private readonly keys: IssuerKeys;
  private readonly now: () => Date;
  private readonly rules: JWTVerifyOptions;

  constructor({ issuer, audience, log, now = () => new Date(), elapsed = () => performance.now() }: OidcOptions) {
    this.keys = new IssuerKeys({ issuer, log, elapsed });
    this.now = now;
    this.rules = {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['sub', 'exp'],
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
      return payload.sub !== undefined && CALLER_ID.test(payload.sub) ? payload.sub : null;
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      if (error instanceof IssuerUnavailable) throw error;
      throw new IssuerUnavailable(`the OIDC issuer has a key that cannot be used: ${String(error)}`, { cause: error });
    }
  }
}
