import type { IncomingMessage } from 'node:http';
import { Problem } from '../problems/problem';
import type { BodyRoom } from './body-room';

/** Bytes of a body that are kept. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Bytes that are still taken in (and thrown away) after that, so that a sender of somewhat too much reads its answer
 * instead of finding a closed connection. Past it the connection is closed in the sender's face.
 */
const DRAINED_BYTES_MAX = 16 * 1024 * 1024;

export const tooLarge = (most = BODY_BYTES_MAX, how = ''): Problem =>
  new Problem('payload_too_large', `at most ${String(most)} bytes${how}`);

/** The whole body, or the problem of one that is too large, breaks off or finds no room. Never holds more than the limit. */
export const readBody = (stream: IncomingMessage, room: BodyRoom, caller: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const declared = Number(stream.headers['content-length'] ?? 0);
    if (declared > DRAINED_BYTES_MAX) {
      reject(tooLarge());
      return;
    }
    let chunks: Buffer[] = [];
    let kept = 0;
    let received = 0;
    let isRefused = false;
    const drop = (): void => {
      chunks = [];
      room.settle(kept, caller);
      kept = 0;
    };
    const keep = (chunk: Buffer): void => {
      try {
        room.come(chunk.length, caller);
      } catch (error) {
        isRefused = true;
        drop();
        reject(error as Error);
        return;
      }
      kept += chunk.length;
      chunks.push(chunk);
    };
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (isRefused) return;
      if (received <= BODY_BYTES_MAX) {
        keep(chunk);
        return;
      }
      drop();
      if (received > DRAINED_BYTES_MAX) reject(tooLarge());
    });
    stream.once('end', () => {
      if (received > BODY_BYTES_MAX) reject(tooLarge());
      else resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
      drop();
    });
    stream.once('error', () => reject(brokenOff()));
    stream.once('close', () => {
      drop();
      if (!stream.readableEnded) reject(brokenOff()); // an error with its stack costs as much as the rest of this
    });
  });

const brokenOff = (): Problem => new Problem('request_timeout', 'the body broke off');
