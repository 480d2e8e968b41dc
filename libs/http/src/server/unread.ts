import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** How often connections are looked at. */
const LOOK_MS = 1_000;

/**
 * Closes connections that have not taken what they were answered for so long. A request has a time to arrive; without one
 * for its answer, whoever asks and never reads has up to sixteen answers kept in memory for each connection, for ever
 * (FLT-82). Counted in looks, not by the clock: a process that stood still has not seen whether they read.
 */
export const closeUnread = (server: Server, limitMs: number): void => {
  const open = new Set<Socket>();
  const unread = new WeakMap<Socket, number>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  const look = (): void => {
    for (const socket of open) {
      const looks = socket.writableLength === 0 ? 0 : (unread.get(socket) ?? 0) + 1;
      if (looks * LOOK_MS > limitMs) socket.destroy();
      else unread.set(socket, looks);
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();
  server.once('close', () => clearInterval(timer));
};
