const { setFlagsFromString } = require('node:v8');

// The embedded engine is compiled the quick way: a test ends before optimized machine code pays for itself, and a third of
// its processor time went there. Said here, for the flag counts from the first compilation in a process on.
setFlagsFromString('--liftoff-only');
