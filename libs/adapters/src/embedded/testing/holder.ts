/** A process for tests to kill: claims a folder, says so, and keeps it. `node holder.js <folder>` */
import { claimDataFolder } from '../data-folder';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder?');

claimDataFolder(folder).then(
  () => {
    process.stdout.write('claimed\n');
    process.stdin.resume().on('end', () => process.exit()); // whoever started it is gone
  },
  (error: unknown) => {
    process.stdout.write(`${String(error)}\n`);
    process.exitCode = 1;
  },
);
