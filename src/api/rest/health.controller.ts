// GET /health/live and /health/ready: is the process there, and does everything work that it needs.
import { Controller, Get, HttpException, Inject, Res } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import type { ConsumerStatus } from '../../read-models/consumer-runner.ts';
import { Public } from '../auth/access.ts';
import { READINESS, type ReadinessSource } from '../tokens.ts';

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

  /** 200 or 503 with one entry for the log and one per consumer, which has its version, state, position and lag. */
  @Get('ready')
  @Public()
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const consumers = this.source.consumers().map((status) => () => this.consumer(status));
    try {
      return await this.health.check([() => this.log(), ...consumers]);
    } catch (error) {
      if (!(error instanceof HttpException)) throw error;
      reply.code(error.getStatus());
      return error.getResponse();
    }
  }

  private async log() {
    const indicator = this.indicators.check('log');
    try {
      return indicator.up(await this.source.log());
    } catch (error) {
      return indicator.down({ error: error instanceof Error ? error.message : String(error) });
    }
  }

  /** One that is behind does its work; one that is starting or has stopped does not. */
  private consumer({ name, ...status }: ConsumerStatus) {
    const indicator = this.indicators.check(name);
    return status.state === 'live' || status.state === 'catching-up' ? indicator.up(status) : indicator.down(status);
  }
}
