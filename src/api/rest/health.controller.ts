// GET /health/live and /health/ready: whether the process runs, and whether everything it needs works.
import { Controller, Get, HttpException, Inject, Req, Res } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, type HealthCheckResult } from '@nestjs/terminus';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Position } from '../../domain/ids.ts';
import type { ConsumerStatus } from '../../read-models/engine/consumer-runner.ts';
import { Public } from '../auth/access.ts';
import { Authentication, Unauthenticated } from '../auth/authentication.ts';
import { READINESS, type ReadinessSource } from '../tokens.ts';

type StoreDetails = { readonly tip?: Position | undefined; readonly server?: string | undefined };
type Checked = { readonly code: number; readonly health: HealthCheckResult };

@Controller('health')
export class HealthController {
  /** Requests at the same time share one check: anybody may ask. */
  private checking: Promise<Checked> | undefined;

  constructor(
    private readonly authentication: Authentication,
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    @Inject(READINESS) private readonly source: ReadinessSource,
  ) {}

  @Get('live')
  @Public()
  live() {
    return { status: 'ok' };
  }

  /**
   * 200 or 503. For callers with a key: an entry for the log, one for PostgreSQL if the views are there, and one for each consumer with its version,
   * state, position and lag. Others get the status only.
   */
  @Get('ready')
  @Public()
  async ready(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const maySeeDetails = this.hasKey(request);
    const { code, health } = await (this.checking ??= this.check().finally(() => (this.checking = undefined)));
    reply.code(code);
    return maySeeDetails ? health : { status: health.status };
  }

  /** @throws ConfigurationUnavailable if the caller sent a key and it can't be checked now; the message says what does not work */
  private hasKey({ caller, headers, id }: FastifyRequest): boolean {
    if (caller !== undefined || headers.authorization === undefined) return caller !== undefined;
    try {
      return this.authentication.authenticate(headers.authorization, id) !== undefined;
    } catch (error) {
      if (error instanceof Unauthenticated) return false;
      throw error;
    }
  }

  private async check(): Promise<Checked> {
    const { log, database } = this.source;
    const consumers = this.source.consumers().map((status) => () => this.consumer(status));
    try {
      const health = await this.health.check([
        () => this.checkStore('log', log),
        ...(database ? [() => this.checkStore('database', database)] : []),
        ...consumers,
      ]);
      return { code: 200, health };
    } catch (error) {
      if (!(error instanceof HttpException)) throw error;
      return { code: error.getStatus(), health: error.getResponse() as HealthCheckResult };
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
