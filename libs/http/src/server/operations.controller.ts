import { Controller, Get, type OnModuleInit, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { OpenApi } from '../openapi/openapi';
import { PrometheusMetrics } from './metrics';
import { Readiness } from './readiness';

/** For probes and scrapers of any process; says nothing about anyone. */
@ApiExcludeController()
@Controller()
export class ProbesController implements OnModuleInit {
  constructor(
    private readonly readiness: Readiness,
    private readonly metrics: PrometheusMetrics,
  ) {}

  onModuleInit(): void {
    this.readiness.register('event_loop', () => this.metrics.loopLag.trouble);
  }

  /** The process runs and its event loop turns. */
  @Get('livez')
  live() {
    return { status: 'alive' };
  }

  /** Everything it depends on works; 503 with the reasons where not. */
  @Get('readyz')
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const { ready, checks } = await this.readiness.report();
    reply.code(ready ? 200 : 503);
    return { status: ready ? 'ready' : 'not_ready', checks };
  }

  @Get('metrics')
  async scrape(@Res({ passthrough: true }) reply: FastifyReply) {
    reply.type(this.metrics.contentType);
    return this.metrics.text();
  }
}

/** For generators of clients. */
@ApiExcludeController()
@Controller()
export class OperationsController {
  constructor(private readonly openApi: OpenApi) {}

  @Get('v1/openapi.json')
  document(@Res({ passthrough: true }) reply: FastifyReply): Buffer {
    reply.type('application/json; charset=utf-8');
    return this.openApi.bytes();
  }
}
