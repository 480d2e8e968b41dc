import { once } from 'node:events';
import net from 'node:net';

/** A proxy that loses what it is told to lose. Clients go through it where the broker names its port to them. */
export interface TcpProxy {
  readonly port: number;
  /** How many connections were made to it so far. */
  readonly connections: number;
  /** Connects what comes from now on to this port. */
  forwardTo(port: number): void;
  /** What the other side answers is thrown away from now on, on all connections, until they are cut. */
  loseAnswers(): void;
  /** Ends all connections; new ones work, and lose nothing. */
  cut(): void;
  /** Ends all connections, and every new one at once, until `cut`. */
  refuse(): void;
  close(): Promise<void>;
}

export const openTcpProxy = async (): Promise<TcpProxy> => {
  let target = 0;
  let connections = 0;
  let mode: 'pass' | 'lose' | 'refuse' = 'pass';
  const sockets = new Set<net.Socket>();
  const track = (socket: net.Socket, other: () => net.Socket): void => {
    sockets.add(socket);
    socket.on('error', () => other().destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      other().destroy();
    });
  };
  const server = net.createServer((near) => {
    connections += 1;
    if (mode === 'refuse') {
      near.destroy();
      return;
    }
    const far = net.connect(target, '127.0.0.1');
    track(near, () => far);
    track(far, () => near);
    near.pipe(far);
    far.on('data', (chunk) => {
      if (mode === 'pass') near.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    get connections() {
      return connections;
    },
    forwardTo: (port) => void (target = port),
    loseAnswers: () => void (mode = 'lose'),
    cut: () => {
      mode = 'pass';
      endAll();
    },
    refuse: () => {
      mode = 'refuse';
      endAll();
    },
    close: async () => {
      const closed = once(server.close(), 'close');
      endAll();
      await closed;
    },
  };
};
