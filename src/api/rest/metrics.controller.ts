// GET /metrics: Prometheus text. It names no message or endpoint, but covers the whole process, so it needs a key that may read.
import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Registry } from 'prom-client';
import { AllowReaders, OfInstallation } from '../auth/access.ts';

@Controller('metrics')
export class MetricsController {
  constructor(private readonly registry: Registry) {}

  @Get()
  @AllowReaders()
  @OfInstallation()
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.type(this.registry.contentType);
    return this.registry.metrics();
  }
}
