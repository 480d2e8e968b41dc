import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Where a process listens. */
export interface Address {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Nobody can be let in at the address that is set. The message says what to do. */
export class CannotListen extends Error {
  readonly code = 'cannot_listen';
}

/** Rejects with {@link CannotListen} where nothing can listen there now. Asked before anything else is begun. */
export const checkAddress = async (address: Address): Promise<void> => {
  const server = createServer();
  await listening(server, address);
  server.close();
  await once(server, 'close');
};

/** Has a server listen. Rejects with {@link CannotListen}. */
export const listening = (server: Server, { host, port }: Address): Promise<void> =>
  explained({ host, port }, async () => {
    const listens = once(server, 'listening');
    server.listen(port, host);
    await listens;
  });

/** Has the application listen. Rejects with {@link CannotListen}; the application is closed then. */
export const listenAt = async (app: NestFastifyApplication, address: Address): Promise<void> => {
  try {
    await checkAddress(address); // Nest would log what it throws
    await explained(address, () => app.listen(address.port, address.host));
  } catch (error) {
    await app.close();
    throw error;
  }
};

const explained = async (address: Address, listen: () => Promise<unknown>): Promise<void> => {
  try {
    await listen();
  } catch (error) {
    const reason = reasonOf(error, address);
    if (reason === undefined) throw error;
    throw new CannotListen(reason, { cause: error });
  }
};

const reasonOf = (error: unknown, { host, port }: Address): string | undefined => {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `port ${String(port)} of ${host} is taken: stop what listens there, or set PORT`;
    case 'EACCES':
      return `this process may not listen at port ${String(port)}: set PORT to 1024 or more`;
    case 'EADDRNOTAVAIL':
    case 'EAI_AGAIN':
    case 'EINVAL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine: set HOST to one that is, such as 127.0.0.1`;
    default:
      return undefined;
  }
};
