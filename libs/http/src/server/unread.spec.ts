import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { closeUnread } from './unread';

/** The side of a connection that is looked at: how much was written to it, and how much of that it has not taken whole. */
class Connection extends EventEmitter {
  bytesWritten = 0;
  writableLength = 0;
  destroyed = false;

  /** It is answered. */
  write(bytes: number): void {
    this.bytesWritten += bytes;
    this.writableLength += bytes;
  }
  /** It has taken an answer whole. */
  take(bytes: number): void {
    this.writableLength -= bytes;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const LIMIT_MS = 3_000;
let server: EventEmitter;
let connection: Connection;
let counted: string[];
beforeEach(() => {
  jest.useFakeTimers();
  server = new EventEmitter();
  counted = [];
  closeUnread(server as Server, LIMIT_MS, { count: (name) => void counted.push(name) });
  connection = new Connection();
  server.emit('connection', connection);
});
afterEach(() => {
  server.emit('close');
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

test('FLT-82: a connection that takes nothing of its answers is closed after the limit, not before', () => {
  connection.write(10);
  jest.advanceTimersByTime(LIMIT_MS);
  expect(connection.destroyed).toBe(false);
  jest.advanceTimersByTime(2_000);
  expect(connection.destroyed).toBe(true);
});

test('each connection closed so is counted once, and none that its caller closed', () => {
  const [another, left] = [new Connection(), new Connection()];
  for (const each of [another, left]) server.emit('connection', each);
  for (const each of [connection, another, left]) each.write(10);
  jest.advanceTimersByTime(LIMIT_MS);
  expect(counted).toEqual([]);
  left.emit('close');
  jest.advanceTimersByTime(60_000);
  expect(counted).toEqual(['http_unread_closed_total', 'http_unread_closed_total']);
});

test('one that has an answer under way whenever it is looked at, and takes one after the other, is left alone', () => {
  connection.write(10);
  for (let second = 0; second < 60; second++) {
    connection.write(10);
    if (second % 2 === 1) connection.take(10);
    jest.advanceTimersByTime(1_000);
  }
  expect(connection.destroyed).toBe(false);
  jest.advanceTimersByTime(LIMIT_MS + 2_000);
  expect(connection.destroyed).toBe(true);
});

test('one that waits for an answer, or has none to take, is left alone', () => {
  connection.write(10);
  connection.take(10);
  jest.advanceTimersByTime(600_000);
  expect(connection.destroyed).toBe(false);
});
