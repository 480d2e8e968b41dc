import http from 'node:http';

/** One request as it goes out, prepared before the clock runs. */
export interface PreparedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

/** Sends requests over so many kept-alive connections, each waiting for its answer; answers latencies in ms. */
export const sendAll = async (
  port: number,
  requests: Iterable<PreparedRequest>,
  connections: number,
): Promise<number[]> => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const source = requests[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let item = source.next(); item.done !== true; item = source.next()) {
      const started = performance.now();
      const status = await send(agent, port, item.value);
      latencies.push(performance.now() - started);
      if (status >= 300) throw new Error(`${item.value.method} ${item.value.path}: ${String(status)}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, worker));
  } finally {
    agent.destroy();
  }
  return latencies;
};

const send = (agent: http.Agent, port: number, request: PreparedRequest): Promise<number> =>
  new Promise((resolve, reject) => {
    const length = request.body === null ? {} : { 'content-length': String(request.body.length) };
    const outgoing = http.request(
      {
        host: '127.0.0.1',
        port,
        agent,
        method: request.method,
        path: request.path,
        headers: { ...request.headers, ...length },
      },
      (response) => {
        response.resume();
        response.once('end', () => {
          resolve(response.statusCode ?? 0);
        });
        response.once('error', reject);
      },
    );
    outgoing.once('error', reject);
    outgoing.end(request.body ?? undefined);
  });
