// Logs: JSON lines, readable ones on a terminal; one line per thing that matters, no secrets, no payloads.
import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export const createLog = (level: string): Logger =>
  process.stdout.isTTY ? pino({ level }, pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' })) : pino({ level });

/** Nest's own lines: what goes wrong goes into the log, the story of its start does not. */
export const nestLog = (log: Logger): LoggerService => ({
  log: (message: unknown) => log.debug({ part: 'nest' }, String(message)),
  warn: (message: unknown) => log.warn({ part: 'nest' }, String(message)),
  // What the application itself fails at reaches whoever starts it, as an error.
  error: (message: unknown, ...rest: unknown[]) =>
    log[rest.at(-1) === 'NestApplication' ? 'debug' : 'error'](
      { part: 'nest' },
      message instanceof Error ? message.message : String(message),
    ),
});
