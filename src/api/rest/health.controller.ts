// GET /health/live and /health/ready: whether the process runs, and whether everything it needs works.
import { Controller, Get, HttpException, Inject, Query, Req, Res } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, type HealthCheckResult } from '@nestjs/terminus';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Position } from '../../domain/ids.ts';
import type { ConsumerStatus } from '../../read-models/engine/consumer-runner.ts';
import { Public } from '../auth/access.ts';
import { Authentication, coversInstallation, Unauthenticated } from '../auth/authentication.ts';
import { Refusal } from '../refusal.ts';
import { API_LOG, READINESS, type ApiLog, type ReadinessSource } from '../tokens.ts';

const publishing = 'publishing';
/** Undefined: everything. */
type Purpose = typeof publishing | undefined;
type StoreDetails = { readonly tip?: Position | undefined; readonly server?: string | undefined };
type Checked = { readonly code: number; readonly health: HealthCheckResult };

@Controller('health')
export class HealthController {
  /** Requests at the same time share one check: anybody may ask. */
  private readonly checking = new Map<Purpose, Promise<Checked>>();

  private readonly wasReady = new Map<Purpose, boolean>();

  constructor(
    private readonly authentication: Authentication,
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    @Inject(READINESS) private readonly source: ReadinessSource,
    @Inject(API_LOG) private readonly log: ApiLog,
  ) {}

  @Get('live')
  @Public()
  live() {
    return { status: 'ok' };
  }

  /**
   * 200 or 503; with `?for=publishing`, 503 only if messages can't be accepted. For keys of the installation: an entry for the log, one for PostgreSQL if
   * the views are there, and one for each consumer with its version, state, position and lag. Others get the status only.
   */
  @Get('ready')
  @Public()
  async ready(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Query('for') purpose: unknown,
  ): Promise<unknown> {
    if (purpose !== undefined && purpose !== publishing)
      throw new Refusal('BAD_USER_INPUT', `?for= must be "${publishing}"; without it, the answer is about everything.`);
    const maySeeDetails = this.maySeeDetails(request);
    const { code, health } = await this.checkOnce(purpose);
    reply.code(code);
    return maySeeDetails ? health : { status: health.status };
  }

  /** @throws ConfigurationUnavailable if the caller sent a key and it can't be checked now; the message says what does not work */
  private maySeeDetails({ caller, headers, id }: FastifyRequest): boolean {
    if (caller !== undefined || headers.authorization === undefined) return caller !== undefined && coversInstallation(caller);
    try {
      return coversInstallation(this.authentication.authenticate(headers.authorization, id));
    } catch (error) {
      if (error instanceof Unauthenticated) return false;
      throw error;
    }
  }

  private checkOnce(purpose: Purpose): Promise<Checked> {
    const running = this.checking.get(purpose) ?? this.checkAndLog(purpose).finally(() => this.checking.delete(purpose));
    this.checking.set(purpose, running);
    return running;
  }

  /** Logs each outage that it finds once, and its end. Not being ready yet, after the start, is none. */
  private async checkAndLog(purpose: Purpose): Promise<Checked> {
    const checked = await this.check(purpose);
    const isReady = checked.code === 200;
    const whatFor = purpose === undefined ? '' : ` (for ${purpose})`;
    if (isReady && this.wasReady.get(purpose) === false) this.log.info(`This process is ready again${whatFor}.`);
    if (!isReady && this.wasReady.get(purpose)) this.log.warn({ parts: checked.health.error }, `This process is not ready${whatFor}.`);
    if (isReady || this.wasReady.has(purpose)) this.wasReady.set(purpose, isReady);
    return checked;
  }

  private async check(purpose: Purpose): Promise<Checked> {
    const { source } = this;
    const isAboutAll = purpose === undefined;
    const { database } = source;
    try {
      // All at once, as each may take as long as a check may.
      const [log, server, consumers] = await Promise.all([
        this.checkStore('log', () => source.log()),
        database && isAboutAll ? this.checkStore('database', database) : undefined,
        isAboutAll ? source.consumers() : source.directory(),
      ]);
      const health = await this.health.check([
        () => log,
        ...(server ? [() => server] : []),
        ...consumers.map((status) => () => this.consumer(status)),
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

  /**
   * One that is behind does its work, and so does one that another replica runs. One that is starting, has stopped, retries what it can't do, or whose
   * tables are still being built, does not.
   */
  private consumer({ name, isImpeded, isBuilding, ...status }: ConsumerStatus) {
    const indicator = this.indicators.check(name);
    const isAtWork =
      isBuilding !== true && status.state !== 'starting' && status.state !== 'stopped' && !(isImpeded && status.state !== 'elsewhere');
    return isAtWork ? indicator.up(status) : indicator.down(status);
  }
}
