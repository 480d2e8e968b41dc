/**
 * True for SQLSTATE class 53 but for 53400, a limit that somebody has set: no disk or memory, as for what a large sort puts
 * aside. Nothing is wrong with the question, and others are answered: by itself it is unavailable (FLT-42). Who saves rows
 * is told as it is, and finds out which of them there is room for.
 */
export const lacksRoom = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^53[0-3]/.test(error.code);
