// Validation of event types given over GraphQL.
import * as z from 'zod';
import { json } from '../../../domain/json.ts';
import { audiences } from '../../../domain/organization-events.ts';
import { isOwnType, ownTypeRefused } from '../../../domain/operational-message.ts';
import { longestMessageType, messageTypeSyntax } from '../../../domain/message.ts';

/** The name of an event type, or of a group. */
export const eventTypeName = z
  .string()
  .max(longestMessageType, `must be at most ${longestMessageType} characters`)
  .regex(messageTypeSyntax, { error: 'must be words of A-Z, a-z, 0-9, _ and -, separated by dots' });

const maxSampleBytes = 256 * 1024;

export const eventTypeInput = z.object({
  name: eventTypeName.refine((name) => !isOwnType(name), { error: ownTypeRefused }),
  group: eventTypeName.nullish(),
  shared: z.boolean().nullish(),
  audience: z.enum(audiences).nullish(),
  description: z.string().max(1024, 'must be at most 1024 characters').nullish(),
  sample: json
    .refine((sample) => Buffer.byteLength(JSON.stringify(sample)) <= maxSampleBytes, `must be at most ${maxSampleBytes} bytes of JSON`)
    .optional(),
});
