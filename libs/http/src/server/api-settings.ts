import { LOG_LEVELS } from './http-log';

/** What an API can be told, by environment variable. */
export const API_VARIABLES = {
  PORT: 'port of the API; 0 takes a free one (default 3000)',
  HOST: 'address it listens on (default 127.0.0.1)',
  DRAWDOWN_ADMIN_KEY: 'secret of an admin key; without it one is generated and shown once, at the first start',
  DRAWDOWN_OIDC_ISSUER: 'issuer of the tokens that people come with; only keys get in without one',
  DRAWDOWN_OIDC_AUDIENCE: 'audience of these tokens; must be set with the issuer',
  DRAWDOWN_OIDC_USER_CLAIM: 'claim of these tokens that is the id of a person (default sub)',
  DRAWDOWN_TEST_CLOCKS: '1 or 0: whether users may make test clocks (default 1; 0 where NODE_ENV is production)',
  DRAWDOWN_LOG_LEVEL: `one of ${LOG_LEVELS.join(', ')} (default warn)`,
} as const;

/** Placeholders that stand in examples: nobody means them. */
const PLACEHOLDERS = /^(change-?me|secret|password|placeholder|example|todo|xxx+|<.*>)/i;

/** A key has to be at least so long: it opens everything. */
const KEY_CHARACTERS_MIN = 16;

export interface ApiSettings {
  readonly host: string;
  readonly port: number;
  readonly adminKey: string | undefined;
  /** Null: people do not come with tokens. */
  readonly oidc: { readonly issuer: string; readonly audience: string; readonly userClaim: string } | null;
  readonly testClocks: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** The start is refused; the message names the variable, never its value. */
export class BadSettings extends Error {
  readonly code = 'bad_settings';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An empty variable is as good as none: compose files pass those. */
const given = (environment: Environment, name: keyof typeof API_VARIABLES): string | undefined =>
  environment[name] || undefined;

/** Throws {@link BadSettings}. */
export const readApiSettings = (environment: Environment): ApiSettings => ({
  host: given(environment, 'HOST') ?? '127.0.0.1',
  port: portOf(given(environment, 'PORT') ?? '3000'),
  adminKey: adminKeyOf(given(environment, 'DRAWDOWN_ADMIN_KEY')),
  oidc: oidcOf(environment),
  testClocks: flagOf(environment, 'DRAWDOWN_TEST_CLOCKS'),
  logLevel: logLevelOf(given(environment, 'DRAWDOWN_LOG_LEVEL') ?? 'warn'),
});

/** A switch that is on unless told otherwise, in production off. */
export const flagOf = (environment: Environment, name: string): boolean => {
  const text = environment[name] || undefined;
  if (text === undefined) return environment['NODE_ENV'] !== 'production';
  if (text === '1' || text === '0') return text === '1';
  throw new BadSettings(`${name} must be 1 or 0`);
};

const portOf = (text: string): number => {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new BadSettings('PORT must be a number between 0 and 65535');
};

const adminKeyOf = (text: string | undefined): string | undefined => {
  if (text === undefined) return undefined;
  if (PLACEHOLDERS.test(text))
    throw new BadSettings('DRAWDOWN_ADMIN_KEY is still a placeholder; set a secret of your own');
  if (!/^[!-~]{1,512}$/.test(text)) {
    throw new BadSettings('DRAWDOWN_ADMIN_KEY must be at most 512 printable ASCII characters without spaces');
  }
  if (text.length >= KEY_CHARACTERS_MIN) return text;
  throw new BadSettings(`DRAWDOWN_ADMIN_KEY must have at least ${String(KEY_CHARACTERS_MIN)} characters`);
};

const issuerOf = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : null;
  // Without TLS whoever is on the way says which keys count; on one machine nobody is.
  const isLocal = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return text;
  throw new BadSettings('DRAWDOWN_OIDC_ISSUER must be an https:// address (http:// on loopback only)');
};

/** An address of mail is nobody's for ever, and has characters that no id has: with it nobody would get in. */
const userClaimOf = (text: string): string => {
  if (!/^[!-~]{1,200}$/.test(text)) {
    throw new BadSettings('DRAWDOWN_OIDC_USER_CLAIM must be the name of a claim, without spaces');
  }
  if (text !== 'email') return text;
  throw new BadSettings('DRAWDOWN_OIDC_USER_CLAIM must name an id that never passes to somebody else; email does not');
};

const oidcOf = (environment: Environment): ApiSettings['oidc'] => {
  const issuer = given(environment, 'DRAWDOWN_OIDC_ISSUER');
  const audience = given(environment, 'DRAWDOWN_OIDC_AUDIENCE');
  const userClaim = given(environment, 'DRAWDOWN_OIDC_USER_CLAIM');
  if (issuer === undefined && audience === undefined) {
    if (userClaim === undefined) return null;
    throw new BadSettings('DRAWDOWN_OIDC_USER_CLAIM is set, DRAWDOWN_OIDC_ISSUER is not; set both or neither');
  }
  if (issuer === undefined)
    throw new BadSettings('DRAWDOWN_OIDC_AUDIENCE is set, DRAWDOWN_OIDC_ISSUER is not; set both');
  if (audience === undefined) {
    throw new BadSettings('DRAWDOWN_OIDC_ISSUER is set, DRAWDOWN_OIDC_AUDIENCE is not; tokens for others would count');
  }
  return { issuer: issuerOf(issuer), audience, userClaim: userClaimOf(userClaim ?? 'sub') };
};

const logLevelOf = (text: string): ApiSettings['logLevel'] => {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new BadSettings(`DRAWDOWN_LOG_LEVEL must be ${API_VARIABLES.DRAWDOWN_LOG_LEVEL}`);
  return level;
};
