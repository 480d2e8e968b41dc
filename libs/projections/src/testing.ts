export { assertBooks, checksums } from './testing/books';
export { fileDatabase } from './testing/file-database';
export { inTime } from './testing/in-time';
export { emptyDatabase, type Projected, projected, type ProjectedOptions, stopAll } from './testing/projected';
export { type Draft, draftsOf, pack, stored, TestLog } from './testing/test-log';
export { type Happening, happenings, TestWorld } from './testing/test-world';
