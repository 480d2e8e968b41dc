import { once } from 'node:events';
import { type AddressInfo, createServer, Server } from 'node:net';
import { CannotListen, checkAddress, listening } from './listening';

const LOOPBACK = '127.0.0.1';

test('a port that is taken is named, with what to do; once it is free it can be taken', async () => {
  const other = createServer();
  await listening(other, { host: LOOPBACK, port: 0 });
  const { port } = other.address() as AddressInfo;
  const refused: unknown = await checkAddress({ host: LOOPBACK, port }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CannotListen);
  expect(refused).toMatchObject({
    code: 'cannot_listen',
    message: `port ${String(port)} of 127.0.0.1 is taken: stop what listens there, or set PORT`,
  });
  other.close();
  await once(other, 'close');
  await checkAddress({ host: LOOPBACK, port });
});

test('an address of another machine is HOST to change', async () => {
  const elsewhere = checkAddress({ host: '192.0.2.1', port: 0 });
  await expect(elsewhere).rejects.toThrow('192.0.2.1 is no address of this machine: set HOST');
});

class Refusing extends Server {
  constructor(private readonly code: string) {
    super();
  }
  override listen(): this {
    process.nextTick(() => this.emit('error', Object.assign(new Error(this.code), { code: this.code })));
    return this;
  }
}

test('a port that only others may take is PORT to change, and what nobody can explain is thrown as it is', async () => {
  const address = { host: LOOPBACK, port: 80 };
  await expect(listening(new Refusing('EACCES'), address)).rejects.toThrow('port 80: set PORT to 1024 or more');
  await expect(listening(new Refusing('EMFILE'), address)).rejects.toThrow(/^EMFILE$/);
});
