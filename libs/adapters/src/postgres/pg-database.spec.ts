import net from 'node:net';
import { DatabaseUnavailable } from '@drawdown/ports';
import { openPgDatabase } from './pg-database';

describe('a PostgreSQL that cannot be reached', () => {
  test('is unavailable where nothing listens', async () => {
    const db = openPgDatabase('postgres://drawdown@127.0.0.1:1/drawdown');
    await expect(db.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(db.transaction((tx) => tx.query('SELECT 1'))).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(db.run('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await db.close();
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
