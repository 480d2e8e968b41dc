import { setFlagsFromString } from 'node:v8';

/**
 * From here on the embedded engine is compiled the quick way in this process: a test ends before optimized machine code
 * pays for itself, and a third of its processor time went there.
 */
export const compileQuickly = (): void => setFlagsFromString('--liftoff-only');
