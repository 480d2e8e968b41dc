import type { IncomingMessage } from 'node:http';
import { Problem } from '../problems/problem';

/** Bytes of a body that are kept. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Bytes that are still taken in (and thrown away) after that, so that a sender of somewhat too much reads its answer
 * instead of finding a closed connection. Past it the connection is closed in the sender's face.
 */
const DRAINED_BYTES_MAX = 16 * 1024 * 1024;

const tooLarge = (): Problem => new Problem('payload_too_large', `at most ${String(BODY_BYTES_MAX)} bytes`);

/** The whole body, or the problem of one that is too large or breaks off. Never holds more than the limit. */
export const readBody = (stream: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const declared = Number(stream.headers['content-length'] ?? 0);
    if (declared > DRAINED_BYTES_MAX) {
      reject(tooLarge());
      return;
    }
    let chunks: Buffer[] = [];
    let received = 0;
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received <= BODY_BYTES_MAX) {
        chunks.push(chunk);
        return;
      }
      chunks = [];
      if (received > DRAINED_BYTES_MAX) reject(tooLarge());
    });
    stream.once('end', () => {
      if (received > BODY_BYTES_MAX) reject(tooLarge());
      else resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    stream.once('error', () => reject(brokenOff()));
    stream.once('close', () => {
      if (!stream.readableEnded) reject(brokenOff()); // an error with its stack costs as much as the rest of this
    });
  });

const brokenOff = (): Problem => new Problem('request_timeout', 'the body broke off');
