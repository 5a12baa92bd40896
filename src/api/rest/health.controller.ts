// GET /health/live and /health/ready: whether the process runs, and whether everything it needs works.
import { Controller, Get, HttpException, Inject, Res } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import type { Position } from '../../domain/ids.ts';
import type { ConsumerStatus } from '../../read-models/engine/consumer-runner.ts';
import { Public } from '../auth/access.ts';
import { READINESS, type ReadinessSource } from '../tokens.ts';

type StoreDetails = { readonly tip?: Position | undefined; readonly server?: string | undefined };

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    @Inject(READINESS) private readonly source: ReadinessSource,
  ) {}

  @Get('live')
  @Public()
  live() {
    return { status: 'ok' };
  }

  /** 200 or 503. Has an entry for the log, one for PostgreSQL if the views are there, and one for each consumer with its version, state, position and lag. */
  @Get('ready')
  @Public()
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { log, database } = this.source;
    const consumers = this.source.consumers().map((status) => () => this.consumer(status));
    try {
      return await this.health.check([
        () => this.checkStore('log', log),
        ...(database ? [() => this.checkStore('database', database)] : []),
        ...consumers,
      ]);
    } catch (error) {
      if (!(error instanceof HttpException)) throw error;
      reply.code(error.getStatus());
      return error.getResponse();
    }
  }

  private async checkStore(name: string, ask: () => Promise<StoreDetails>) {
    const indicator = this.indicators.check(name);
    try {
      return indicator.up({ ...(await ask()) });
    } catch (error) {
      return indicator.down({ error: error instanceof Error ? error.message : String(error) });
    }
  }

  /** One that is behind does its work, and so does one that another replica runs; one that is starting or has stopped does not. */
  private consumer({ name, ...status }: ConsumerStatus) {
    const indicator = this.indicators.check(name);
    return status.state === 'starting' || status.state === 'stopped' ? indicator.down(status) : indicator.up(status);
  }
}
