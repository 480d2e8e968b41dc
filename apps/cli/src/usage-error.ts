/** The command was called in a way that cannot work. The message says what to change; nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
