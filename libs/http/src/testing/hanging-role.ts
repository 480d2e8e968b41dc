/** A process that does not come to an end by itself: what it has accepted is never finished. */
import 'reflect-metadata';
import { runRole } from '../role/run-role';

runRole({
  name: 'hanging',
  port: 0,
  open: async () => ({ drain: () => new Promise(() => undefined), close: async () => undefined }),
});
