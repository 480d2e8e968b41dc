import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Readiness } from './readiness';

/**
 * The first step of a shutdown (`onModuleDestroy` comes before anything is drained): no request is let in any more,
 * and readiness says so. What is under way is answered; the server closes after the ledger has flushed.
 */
@Injectable()
export class Stopping implements OnModuleDestroy {
  private stopped = false;

  constructor(readiness: Readiness) {
    readiness.register('process', () => (this.stopped ? 'shutting down' : null));
  }

  get begun(): boolean {
    return this.stopped;
  }

  onModuleDestroy(): void {
    this.stopped = true;
  }
}
