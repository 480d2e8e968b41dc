import { Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import * as handlers from './handlers';

export const HANDLERS = Object.values(handlers);

/**
 * The bus and its handlers. Needs the tokens `Ledger` and `Catalogue`, which the composition provides in a global
 * module. `rethrowUnhandled`: an error must reach whoever waits for the answer, never only a log.
 */
@Module({
  imports: [CqrsModule.forRoot({ rethrowUnhandled: true })],
  providers: HANDLERS,
  exports: [CqrsModule],
})
export class CommandsModule {}
