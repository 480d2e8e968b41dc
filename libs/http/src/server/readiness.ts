import { Injectable } from '@nestjs/common';

/** Why a part cannot work now; null where it can. */
export type ReadinessCheck = () => string | null | Promise<string | null>;

export interface ReadinessReport {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly reason: string | null }>>;
}

/** How long a check may take before it counts as failed. */
const CHECK_TIMEOUT_MS = 1000;

/** Whether this process can serve: every part that it depends on registers a check. */
@Injectable()
export class Readiness {
  private readonly checks = new Map<string, ReadinessCheck>();

  register(name: string, check: ReadinessCheck): void {
    this.checks.set(name, check);
  }

  async report(): Promise<ReadinessReport> {
    const results = await Promise.all(
      [...this.checks].map(async ([name, check]) => {
        const reason = await withinTime(check);
        return [name, { ok: reason === null, reason }] as const;
      }),
    );
    return { ready: results.every(([, { ok }]) => ok), checks: Object.fromEntries(results) };
  }
}

const withinTime = async (check: ReadinessCheck): Promise<string | null> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${String(CHECK_TIMEOUT_MS)} ms`), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
};
