import path from 'node:path';

/** These files may be compiled by themselves, and may be run from there. */
const HERE = path.resolve(__dirname, '../../../../..');

/** The compiled product. */
export const DIST = path.basename(HERE) === 'dist' ? HERE : path.join(HERE, 'dist');
