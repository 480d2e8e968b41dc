import { AdvanceTestClock, CatalogueView, CreateTestClock } from '@drawdown/commands';
import { type Instant, type JsonObject } from '@drawdown/kernel';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { senderOf } from '../access/caller';
import { IsInstant } from '../fields/fields';
import { instantOf } from '../fields/values';
import { notFound } from '../problems/problem';
import { idempotencyOf } from '../server/idempotency';
import { catalogueAsOf, catalogueReached, repeatableAnswer } from '../server/sending';
import { HttpSettings } from '../server/settings';
import { ReadQuery } from './shapes';

class CreateClockBody {
  @IsInstant() now!: string;
}

class AdvanceClockBody {
  @IsInstant() to!: string;
}

/** A clock's time as short as it can be written: what was sent as a whole second comes back as one. */
const clockDocument = ({ id, now }: { id: string; now: Instant }): JsonObject => ({
  id,
  now: now.replace(/\.?0+Z$/, 'Z'),
});

@ApiTags('Test clocks')
@Controller('v1/test-clocks')
export class TestClocksController {
  constructor(
    private readonly commands: CommandBus,
    private readonly settings: HttpSettings,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
  ) {}

  @Post()
  @ApiOperation({ summary: 'A clock that moves only when told to' })
  async create(
    @Body() { now }: CreateClockBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    this.refuseWhereOff();
    const command = new CreateTestClock(instantOf(now), senderOf(request), idempotencyOf(request));
    return repeatableAnswer(await this.commands.execute(command), reply, clockDocument);
  }

  @Get(':clock')
  @ApiOperation({ summary: 'Where a clock stands' })
  async show(@Param('clock') id: string, @Query() { after }: ReadQuery) {
    this.refuseWhereOff();
    await catalogueReached(this.catalogue, after);
    const clock = this.catalogue.testClocks.get(id);
    if (clock === undefined) throw notFound();
    return { ...clockDocument(clock), as_of: catalogueAsOf(this.catalogue, this.settings.now()) };
  }

  @Post(':clock/advance')
  @HttpCode(200)
  @ApiOperation({ summary: 'Move a clock forward; answers when everything due until then is booked' })
  async advance(
    @Param('clock') id: string,
    @Body() { to }: AdvanceClockBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    this.refuseWhereOff();
    const command = new AdvanceTestClock(id, instantOf(to), senderOf(request), idempotencyOf(request));
    return repeatableAnswer(await this.commands.execute(command), reply, clockDocument);
  }

  private refuseWhereOff(): void {
    if (!this.settings.testClocks) throw notFound();
  }
}
