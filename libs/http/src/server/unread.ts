import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { PrometheusMetrics } from './metrics';

/** How often connections are looked at. */
const LOOK_MS = 1_000;

/**
 * Closes connections that have not taken an answer for so long. A request has a time to arrive; without one for its answer,
 * whoever asks and never reads has up to sixteen answers kept in memory for each connection, for ever (FLT-82). Each answer
 * has that time: who reads page after page over a slow line always has one under way. Counted in looks, not by the clock: a
 * process that stood still has not seen whether they read. What it closes is counted, and in no log: whoever connects could
 * fill one.
 */
export const closeUnread = (server: Server, limitMs: number, metrics: Pick<PrometheusMetrics, 'count'>): void => {
  /** Of each open connection, what it has taken whole, and how many looks ago it was seen to have taken more. */
  const open = new Map<Socket, { readonly taken: number; readonly looks: number }>();
  server.on('connection', (socket: Socket) => {
    open.set(socket, { taken: 0, looks: 0 });
    socket.once('close', () => open.delete(socket));
  });
  const look = (): void => {
    for (const [socket, before] of open) {
      const taken = socket.bytesWritten - socket.writableLength;
      const looks = socket.writableLength === 0 || taken > before.taken ? 0 : before.looks + 1;
      if (looks * LOOK_MS > limitMs) {
        metrics.count('http_unread_closed_total');
        socket.destroy();
      } else open.set(socket, { taken, looks });
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();
  server.once('close', () => clearInterval(timer));
};
