import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino';
import { standardOutput } from './log-output';

export const LOG_LEVELS: readonly LevelWithSilent[] = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'];

/**
 * The process's structured log: one JSON object a line, on standard output. Headers and bodies are never logged, so
 * there is nothing to redact but what an error object might carry along.
 */
export const createLogger = (level: LevelWithSilent, destination: DestinationStream = standardOutput): Logger =>
  pino(
    {
      level,
      base: { service: 'drawdown' },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['*.authorization', '*.secret', 'err.config', 'err.headers', 'err.body'],
    },
    destination,
  );

/** Nest token of the log. */
export const HttpLog = Symbol('HttpLog');
export type HttpLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'isLevelEnabled'>;
