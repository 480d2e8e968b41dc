import { projectors } from './projectors';

/** What a process of several read models can be told, by environment variable. */
export const READ_MODELS_VARIABLES = {
  DRAWDOWN_READ_MODELS: 'the read models that it carries forward, separated by commas (default: all)',
} as const;

/** The message names the variable and what it may say. */
export class BadReadModels extends Error {
  readonly code = 'bad_settings';
}

/** The read models that an environment names, each once. Throws {@link BadReadModels} where there is one that is not known. */
export const readModelsIn = (environment: Readonly<Record<string, string | undefined>>): readonly string[] => {
  const known = projectors.map(({ name }) => name);
  // An empty variable is as good as none: compose files pass those.
  const text = environment['DRAWDOWN_READ_MODELS'] || known.join(',');
  const named = [...new Set(text.split(',').map((name) => name.trim()))];
  const wrong = named.find((name) => !known.includes(name));
  if (wrong === undefined) return named;
  throw new BadReadModels(
    `DRAWDOWN_READ_MODELS names "${wrong}"; it may name ${known.join(', ')}, separated by commas`,
  );
};
