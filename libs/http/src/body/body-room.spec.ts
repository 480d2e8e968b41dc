import { once } from 'node:events';
import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Problem } from '../problems/problem';
import { BodyRoom } from './body-room';
import { readBody } from './read-body';

const IN_WORK = 1_000;
const AWAITED = 300;
const COMING = 3_000;
const OF_ONE = 2_000;

let counted: number;
let room: BodyRoom;
let server: Server;
/** Requests whose body is there, and which are being worked on: each ends with its answer. */
let worked: { readonly end: () => void }[];
let agent: http.Agent;
beforeEach(async () => {
  counted = 0;
  const metrics = {
    count: (name: string) => void (counted += name === 'http_overloaded_total' ? 1 : 0),
  };
  room = new BodyRoom(metrics, { inWork: IN_WORK, awaited: AWAITED, coming: COMING, comingOfOne: OF_ONE });
  worked = [];
  server = http.createServer((request, response) => {
    readBody(request, room, callerOf(request))
      .then((body) => {
        const leave = room.take(body.length);
        worked.push({
          end: () => {
            leave();
            response.end();
          },
        });
      })
      .catch((error: unknown) => {
        if (!(error instanceof Problem)) throw error;
        response.writeHead(error.status, error.headers).end();
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  agent = new http.Agent();
});
afterEach(async () => {
  agent.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Who sends says so in a header here. */
const callerOf = ({ headers }: http.IncomingMessage): string => String(headers['x-caller'] ?? 'one');

const begin = (bytes: number, sent = bytes, caller = 'one') => {
  const { port } = server.address() as AddressInfo;
  const headers = { 'content-length': bytes, 'x-caller': caller };
  const request = http.request({ host: '127.0.0.1', port, method: 'POST', agent, headers });
  const answer = new Promise<string>((resolve) => {
    request.once('error', (error) => resolve(error.message));
    request.once('response', (response) => {
      response.resume();
      resolve(`${String(response.statusCode)} ${String(response.headers['retry-after'])}`);
    });
  });
  request.write(Buffer.alloc(sent));
  return { request, answer };
};
const holds = async (condition: () => boolean): Promise<void> => {
  for (const end = performance.now() + 10_000; !condition(); await new Promise((go) => setTimeout(go, 5)))
    if (performance.now() > end) throw new Error('not in time');
};

test('FLT-80: what comes on top of what is in work is refused, small bodies have room beside large ones, and each end makes room', async () => {
  const large = begin(900);
  await holds(() => worked.length === 1);
  expect(await begin(200).answer).toBe('503 1');
  expect(() => room.check(200)).toThrow(Problem);
  const small = begin(100);
  await holds(() => worked.length === 2);
  expect(counted).toBe(2);
  worked[0]?.end();
  expect(await large.answer).toBe('200 undefined');
  await holds(() => isFree(900));
  small.request.destroy(); // it is worked on all the same
  expect(isFree(IN_WORK)).toBe(false);
  worked[1]?.end();
  worked[1]?.end();
  expect([isFree(IN_WORK), isFree(IN_WORK + 1)]).toEqual([true, true]);
});
const isFree = (bytes: number): boolean => {
  try {
    room.check(bytes);
    return true;
  } catch {
    return false;
  }
};

test('a body that is larger than all the room there is fits by itself', async () => {
  begin(2 * IN_WORK);
  await holds(() => worked.length === 1);
  expect(await begin(1).answer).toBe('503 1');
});

test('FLT-80: bodies that come slowly from many connections take so much memory, and no more', async () => {
  const coming = ['one', 'one', 'other'].map((caller) => begin(1_001, 1_000, caller));
  await holds(() => !hasRoomToCome(1));
  expect(await begin(1_001, 1_000, 'third').answer).toBe('503 1');
  for (const { request } of coming) request.destroy();
  await holds(() => ['one', 'other'].every((caller) => hasRoomToCome(OF_ONE, caller)));
});

test('FLT-80: one caller that sends slowly leaves room for the others', async () => {
  const slow = [begin(1_001, 1_000), begin(1_001, 1_000)];
  await holds(() => !hasRoomToCome(1, 'one'));
  expect(await begin(1_001, 1_000).answer).toBe('503 1');
  begin(500, 500, 'other');
  await holds(() => worked.length === 1);
  for (const { request } of slow) request.destroy();
  await holds(() => hasRoomToCome(OF_ONE, 'one'));
});

/** Whether so much more could come; takes it away again. */
const hasRoomToCome = (bytes: number, caller = 'third'): boolean => {
  try {
    room.come(bytes, caller);
    room.settle(bytes, caller);
    return true;
  } catch {
    return false;
  }
};

test('FLT-80: usage that is waited for has less room than all together, and leaves the rest to the others', () => {
  const leave = room.take(200, true);
  expect(() => room.take(101, true)).toThrow(Problem);
  expect(counted).toBe(1);
  room.take(800)();
  leave();
  leave(); // told twice, it counts once
  const one = room.take(400, true); // one by itself always fits
  expect(() => room.check(1, true)).toThrow(Problem);
  one();
  room.check(300, true);
});
