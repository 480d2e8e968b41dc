import { READ_MODELS_VARIABLES } from '@drawdown/projections';
import { API_VARIABLES, BadSettings } from './api-settings';

/** Of one process or another of an installation; they may share an environment. */
const OF_PROCESSES: ReadonlySet<string> = new Set([
  ...Object.keys({ ...API_VARIABLES, ...READ_MODELS_VARIABLES }),
  'DRAWDOWN_DATA',
  'DRAWDOWN_SAMPLE',
]);

/** Set by clients of the API and by tests, which share an environment with a process, too. */
const OF_OTHERS: ReadonlySet<string> = new Set(['DRAWDOWN_URL', 'DRAWDOWN_REAL_DATA']);

/**
 * Throws {@link BadSettings} where a `DRAWDOWN_…` variable is neither one of those nor in `known`, a table by name: it is a
 * typo, and what was meant would not take effect.
 */
export const refuseUnknownSettings = (
  environment: Readonly<Record<string, string | undefined>>,
  known: Readonly<Record<string, string>>,
): void => {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('DRAWDOWN_') || name in known || OF_PROCESSES.has(name) || OF_OTHERS.has(name)) continue;
    const names = [...new Set([...Object.keys(known), ...OF_PROCESSES])];
    throw new BadSettings(`${name} is not known; the settings are: ${names.join(', ')}`);
  }
};
