// The gate at the end: once the server stops, it begins no request, and waits for those that it has begun.
import type { FastifyInstance } from 'fastify';
import { Refusal } from '../refusal.ts';
import { onRequest } from './on-request.ts';
import { servedPathOf } from './served-paths.ts';

const refusal = () =>
  new Refusal('UNAVAILABLE', 'This server is stopping and begins nothing new; repeat the request in a moment.', {
    headers: { 'retry-after': '1', connection: 'close' },
  });

export class StopGate {
  private readonly closing = new AbortController();
  private begun = 0;
  private readonly idle = Promise.withResolvers<void>();

  /** Aborts once the gate is closed. */
  get closed(): AbortSignal {
    return this.closing.signal;
  }

  /** @returns when everything begun is answered */
  close(): Promise<void> {
    this.closing.abort();
    this.checkIdle();
    return this.idle.promise;
  }

  /** @throws Refusal UNAVAILABLE once the gate is closed */
  pass(): undefined {
    if (this.closed.aborted) throw refusal();
  }

  /** A request begins when its body is read, and ends when it is answered or its connection is gone. */
  watch(fastify: FastifyInstance): void {
    onRequest(fastify, (request) => (servedPathOf(request).closesLast ? undefined : this.pass()));
    fastify.addHook('preValidation', (request, { raw }, done) => {
      if (this.closed.aborted && !servedPathOf(request).closesLast) return done(refusal());
      this.begun++;
      raw.once('close', () => {
        this.begun--;
        this.checkIdle();
      });
      done();
    });
  }

  private checkIdle(): void {
    if (this.closed.aborted && this.begun === 0) this.idle.resolve();
  }
}
