/** Tells from a token which person sent it. */
export interface PersonTokens {
  /**
   * The id of the person; null where the token is none, is not valid now, or names nobody. Rejects with
   * {@link IssuerUnavailable} where that cannot be told at the moment.
   */
  personOf(token: string): Promise<string | null>;
}
/** Nest token of it. */
export const PersonTokens = Symbol('PersonTokens');

/** Of an installation without an issuer: no token is anybody's. */
export const NO_PERSON_TOKENS: PersonTokens = { personOf: () => Promise.resolve(null) };

/** Whoever signs the tokens does not say with which keys. Says nothing about the token: send it again later. */
export class IssuerUnavailable extends Error {
  readonly code = 'unavailable';
}
