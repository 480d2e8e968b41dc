import { readServerSettings, SERVER_VARIABLES, type ServerSettings } from '@drawdown/adapters/server-settings';
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
  ...SERVER_VARIABLES,
  DRAWDOWN_DATA: 'data folder (default .drawdown)',
  DRAWDOWN_SAMPLE: '1 or 0: whether an empty store gets a sample organization (default 1; 0 in production)',
} as const;

/** Servers that are not given are embedded, in the data folder; without a Kafka usage comes over HTTP alone. */
export interface Settings extends ApiSettings, ServerSettings {
  readonly dataFolder: string;
  readonly sample: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws {@link BadSettings} and BadServerSettings. */
export const readSettings = (environment: Environment): Settings => {
  refuseUnknownSettings(environment, KNOWN);
  return {
    ...readApiSettings(environment),
    ...readServerSettings(environment),
    dataFolder: environment['DRAWDOWN_DATA'] || '.drawdown',
    sample: flagOf(environment, 'DRAWDOWN_SAMPLE'),
  };
};
