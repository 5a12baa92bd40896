// GET /health/live and /health/ready: is the process there, and does everything work that it needs.
import { Controller, Get, HttpException, Inject, Res } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import type { Position } from '../../domain/ids.ts';
import type { ConsumerStatus } from '../../read-models/engine/consumer-runner.ts';
import { Public } from '../auth/access.ts';
import { READINESS, type ReadinessSource } from '../tokens.ts';

type Told = { readonly tip?: Position | undefined; readonly server?: string | undefined };

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

  /** 200 or 503 with one entry for the log, one for a database of its own, and one per consumer, which has its version, state, position and lag. */
  @Get('ready')
  @Public()
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { log, database } = this.source;
    const consumers = this.source.consumers().map((status) => () => this.consumer(status));
    try {
      return await this.health.check([
        () => this.answers('log', log),
        ...(database ? [() => this.answers('database', database)] : []),
        ...consumers,
      ]);
    } catch (error) {
      if (!(error instanceof HttpException)) throw error;
      reply.code(error.getStatus());
      return error.getResponse();
    }
  }

  private async answers(name: string, ask: () => Promise<Told>) {
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
