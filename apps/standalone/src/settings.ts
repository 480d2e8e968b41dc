import { LOG_LEVELS } from '@drawdown/http';

/** Everything that can be set, by environment variable. An unknown `DRAWDOWN_…` variable refuses the start: it is a typo. */
const KNOWN = {
  PORT: 'port of the API; 0 takes a free one (default 3000)',
  HOST: 'address it listens on (default 127.0.0.1)',
  DATABASE_URL: 'PostgreSQL for the read models, instead of the embedded one',
  DRAWDOWN_DATABASE_CONNECTIONS: 'how many connections to that PostgreSQL there are at most, 2 to 100 (default 10)',
  DRAWDOWN_DATA: 'data folder (default .drawdown)',
  DRAWDOWN_ADMIN_KEY: 'secret of an admin key; without it one is generated and shown once, at the first start',
  DRAWDOWN_OIDC_ISSUER: 'issuer of the tokens that people come with; only keys get in without one',
  DRAWDOWN_OIDC_AUDIENCE: 'audience of these tokens; must be set with the issuer',
  DRAWDOWN_TEST_CLOCKS: '1 or 0: whether users may make test clocks (default 1; 0 where NODE_ENV is production)',
  DRAWDOWN_SAMPLE: '1 or 0: whether an empty store gets a sample organization (default as above)',
  DRAWDOWN_LOG_LEVEL: `one of ${LOG_LEVELS.join(', ')} (default warn)`,
} as const;
type Name = keyof typeof KNOWN;

/** Set by clients of the API and by tests, which share an environment with the server. */
const OTHERS: ReadonlySet<string> = new Set(['DRAWDOWN_URL', 'DRAWDOWN_KEY', 'DRAWDOWN_REAL_DATA']);

/** Placeholders that stand in examples: nobody means them. */
const PLACEHOLDERS = /^(change-?me|secret|password|placeholder|example|todo|xxx+|<.*>)/i;

/** A key has to be at least so long: it opens everything. */
const KEY_CHARACTERS_MIN = 16;

export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly dataFolder: string;
  /** Null: the embedded database, in the data folder. */
  readonly databaseUrl: string | null;
  readonly databaseConnections: number;
  readonly adminKey: string | undefined;
  /** Null: people do not come with tokens. */
  readonly oidc: { readonly issuer: string; readonly audience: string } | null;
  readonly testClocks: boolean;
  readonly sample: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** The start is refused; the message names the variable, never its value. */
export class BadSettings extends Error {
  readonly code = 'bad_settings';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An empty variable is as good as none: compose files pass those. */
const given = (environment: Environment, name: Name): string | undefined => environment[name] || undefined;

const flag = (environment: Environment, name: Name, otherwise: boolean): boolean => {
  const text = given(environment, name);
  if (text === undefined) return otherwise;
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

const databaseUrlOf = (text: string | undefined): string | null => {
  if (text === undefined) return null;
  if (/^postgres(ql)?:\/\//.test(text)) return text;
  throw new BadSettings('DATABASE_URL must be a postgres:// address');
};

/** Two, so that a projector in its transaction does not keep every read waiting. */
const connectionsOf = (text: string): number => {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 2 && count <= 100) return count;
  throw new BadSettings('DRAWDOWN_DATABASE_CONNECTIONS must be a number between 2 and 100');
};

const issuerOf = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : null;
  // Without TLS whoever is on the way says which keys count; on one machine nobody is.
  const isLocal = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return text;
  throw new BadSettings('DRAWDOWN_OIDC_ISSUER must be an https:// address (http:// on loopback only)');
};

const oidcOf = (environment: Environment): Settings['oidc'] => {
  const issuer = given(environment, 'DRAWDOWN_OIDC_ISSUER');
  const audience = given(environment, 'DRAWDOWN_OIDC_AUDIENCE');
  if (issuer === undefined && audience === undefined) return null;
  if (issuer === undefined)
    throw new BadSettings('DRAWDOWN_OIDC_AUDIENCE is set, DRAWDOWN_OIDC_ISSUER is not; set both');
  if (audience === undefined) {
    throw new BadSettings('DRAWDOWN_OIDC_ISSUER is set, DRAWDOWN_OIDC_AUDIENCE is not; tokens for others would count');
  }
  return { issuer: issuerOf(issuer), audience };
};

const logLevelOf = (text: string): Settings['logLevel'] => {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new BadSettings(`DRAWDOWN_LOG_LEVEL must be ${KNOWN.DRAWDOWN_LOG_LEVEL}`);
  return level;
};

export const readSettings = (environment: Environment): Settings => {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('DRAWDOWN_') || name in KNOWN || OTHERS.has(name)) continue;
    throw new BadSettings(`${name} is not known; the settings are: ${Object.keys(KNOWN).join(', ')}`);
  }
  const isForTrying = environment['NODE_ENV'] !== 'production';
  return {
    host: given(environment, 'HOST') ?? '127.0.0.1',
    port: portOf(given(environment, 'PORT') ?? '3000'),
    dataFolder: given(environment, 'DRAWDOWN_DATA') ?? '.drawdown',
    databaseUrl: databaseUrlOf(given(environment, 'DATABASE_URL')),
    databaseConnections: connectionsOf(given(environment, 'DRAWDOWN_DATABASE_CONNECTIONS') ?? '10'),
    adminKey: adminKeyOf(given(environment, 'DRAWDOWN_ADMIN_KEY')),
    oidc: oidcOf(environment),
    testClocks: flag(environment, 'DRAWDOWN_TEST_CLOCKS', isForTrying),
    sample: flag(environment, 'DRAWDOWN_SAMPLE', isForTrying),
    logLevel: logLevelOf(given(environment, 'DRAWDOWN_LOG_LEVEL') ?? 'warn'),
  };
};
