import net from 'node:net';
import { DatabaseUnavailable } from '@drawdown/ports';
import { openPgDatabase } from './pg-database';

/** A message of PostgreSQL's protocol. */
const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.from(`${type}0000`);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const LET_IN_AND_ENDED = Buffer.concat([
  message('R', Buffer.alloc(4)), // authenticated
  message('Z', Buffer.from('I')), // ready
  message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0')),
]);

describe('a PostgreSQL that cannot be reached', () => {
  test('is unavailable where nothing listens', async () => {
    const db = openPgDatabase('postgres://drawdown@127.0.0.1:1/drawdown');
    await expect(db.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(db.transaction((tx) => tx.query('SELECT 1'))).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(db.run('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await db.close();
  });

  test('FLT-40: is unavailable where it ends while it lets one in, and the process goes on', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(LET_IN_AND_ENDED)); // in one piece: ready, and gone
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const db = openPgDatabase(`postgres://drawdown@127.0.0.1:${String(port)}/drawdown`);
    await expect(db.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(db.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await db.close();
    server.close();
  });

  test('is unavailable, soon, where somebody listens and never answers', async () => {
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const db = openPgDatabase(`postgres://drawdown@127.0.0.1:${String(port)}/drawdown`);
    await expect(db.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await db.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }, 10_000);
});
