import { readServerSettings, SERVER_VARIABLES, type ServerSettings } from '@drawdown/adapters/server-settings';
import { API_VARIABLES, type ApiSettings, BadSettings, flagOf, readApiSettings } from '@drawdown/http';

export { BadSettings };

/** Everything that can be set, by environment variable. An unknown `DRAWDOWN_…` variable refuses the start: it is a typo. */
const KNOWN = {
  ...API_VARIABLES,
  ...SERVER_VARIABLES,
  DRAWDOWN_DATA: 'data folder (default .drawdown)',
  DRAWDOWN_SAMPLE: '1 or 0: whether an empty store gets a sample organization (default 1; 0 in production)',
} as const;

/** Set by clients of the API and by tests, which share an environment with the server. */
const OTHERS: ReadonlySet<string> = new Set(['DRAWDOWN_URL', 'DRAWDOWN_KEY', 'DRAWDOWN_REAL_DATA']);

/** Servers that are not given are embedded, in the data folder; without a Kafka usage comes over HTTP alone. */
export interface Settings extends ApiSettings, ServerSettings {
  readonly dataFolder: string;
  readonly sample: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws {@link BadSettings} and BadServerSettings. */
export const readSettings = (environment: Environment): Settings => {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('DRAWDOWN_') || name in KNOWN || OTHERS.has(name)) continue;
    throw new BadSettings(`${name} is not known; the settings are: ${Object.keys(KNOWN).join(', ')}`);
  }
  return {
    ...readApiSettings(environment),
    ...readServerSettings(environment),
    dataFolder: environment['DRAWDOWN_DATA'] || '.drawdown',
    sample: flagOf(environment, 'DRAWDOWN_SAMPLE'),
  };
};
