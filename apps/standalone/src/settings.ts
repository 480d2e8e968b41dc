import {
  API_VARIABLES,
  type ApiSettings,
  BadSettings,
  flagOf,
  readApiSettings,
  refuseUnknownSettings,
} from '@drawdown/http';

export { BadSettings };

/** Everything that can be set, by environment variable. An unknown `DRAWDOWN_…` variable refuses the start: it is a typo. */
const KNOWN = {
  ...API_VARIABLES,
  DATABASE_URL: 'PostgreSQL for the read models, instead of the embedded one',
  DRAWDOWN_DATABASE_CONNECTIONS: 'how many connections to that PostgreSQL there are at most, 2 to 100 (default 10)',
  DRAWDOWN_DATA: 'data folder (default .drawdown)',
  DRAWDOWN_SAMPLE: '1 or 0: whether an empty store gets a sample organization (default 1; 0 in production)',
} as const;
type Name = keyof typeof KNOWN;

export interface Settings extends ApiSettings {
  readonly dataFolder: string;
  /** Null: the embedded database, in the data folder. */
  readonly databaseUrl: string | null;
  readonly databaseConnections: number;
  readonly sample: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An empty variable is as good as none: compose files pass those. */
const given = (environment: Environment, name: Name): string | undefined => environment[name] || undefined;

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

export const readSettings = (environment: Environment): Settings => {
  refuseUnknownSettings(environment, KNOWN);
  return {
    ...readApiSettings(environment),
    dataFolder: given(environment, 'DRAWDOWN_DATA') ?? '.drawdown',
    databaseUrl: databaseUrlOf(given(environment, 'DATABASE_URL')),
    databaseConnections: connectionsOf(given(environment, 'DRAWDOWN_DATABASE_CONNECTIONS') ?? '10'),
    sample: flagOf(environment, 'DRAWDOWN_SAMPLE'),
  };
};
