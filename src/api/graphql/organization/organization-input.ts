// Validation of organizations given over GraphQL. Of every field, null counts as left out, but for metadata and single limits.
import * as z from 'zod';
import { asOrganizationId } from '../../../domain/ids.ts';
import { json, type Json } from '../../../domain/json.ts';
import { largestData } from '../../../domain/message.ts';
import { nameProblem } from '../../../domain/names.ts';
import { organizationIdSyntax, type OrganizationSettings } from '../../../domain/organization.ts';
import type { OrganizationLimits } from '../../../domain/organization-events.ts';
import { isPrintable } from '../../../domain/text-schema.ts';

const id = z
  .string()
  .regex(organizationIdSyntax, {
    error: 'must be 1 to 128 of A-Z, a-z, 0-9, ".", "_", "~" and "-", beginning with a letter or digit; leave it out to be given one',
  })
  .transform(asOrganizationId);

const name = z
  .string()
  .trim()
  .max(128, 'must be at most 128 characters')
  .superRefine((given, context) => {
    const problem = nameProblem(given);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const largestMetadata = 16 * 1024;
const metadata = json.superRefine((given, context) => {
  const bytes = Buffer.byteLength(JSON.stringify(given));
  if (bytes > largestMetadata)
    context.addIssue({ code: 'custom', message: `has ${bytes} bytes as JSON; at most ${largestMetadata} (16 KiB) are kept` });
});

const mostRate = 1_000_000;
const mostCount = 1_000_000_000;
const mostDays = 36_500;
const count = z
  .int({ error: 'must be a whole number' })
  .min(0, 'must be 0 or more')
  .max(mostCount, `must be at most ${mostCount}`)
  .nullable();
const days = z.number().positive('must be more than 0').max(mostDays, `must be at most ${mostDays}`).nullable();

const limits = z
  .strictObject({
    messagesPerSecond: z.number().positive('must be more than 0').max(mostRate, `must be at most ${mostRate}`).nullable(),
    endpoints: count,
    waitingDeliveries: count,
    payloadBytes: z
      .int({ error: 'must be a whole number' })
      .min(2, 'must be 2 or more')
      .max(largestData, `must be at most ${largestData} (256 KiB)`)
      .nullable(),
    portalSessionsPerHour: count,
    payloadDays: days,
    messageDays: days,
  })
  .partial();

const given = ({
  name: called,
  metadata: kept,
  limits: own,
}: {
  readonly name?: string | null | undefined;
  readonly metadata?: Json | null | undefined;
  readonly limits?: OrganizationLimits | null | undefined;
}): OrganizationSettings => ({
  ...(typeof called === 'string' && { name: called }),
  ...(kept !== undefined && { metadata: kept ?? {} }),
  ...(own && { limits: own }),
});

export const organizationInput = z
  .strictObject({ id: id.nullish(), name, metadata: metadata.optional(), limits: limits.nullish() })
  .transform((input) => ({ id: input.id ?? undefined, settings: { ...given(input), name: input.name } }));

export const organizationPatch = z
  .strictObject({ name: name.nullish(), metadata: metadata.optional(), limits: limits.nullish() })
  .transform(given);

export const suspensionReason = z
  .string()
  .trim()
  .min(1, 'is empty; leave it out to give none')
  .max(512, 'must be at most 512 characters')
  .refine(isPrintable, 'contains a control character or half a character; give printable text');
