// The headers that an endpoint adds to its requests, as the log holds them and as a person gives them.
import * as z from 'zod';
import { badInput } from './errors.ts';
import { mask } from './header-masking.ts';
import { text } from './text-schema.ts';

// ── Part of the storage format of endpoints ──

export const storedHeaders = z.array(z.object({ name: z.string(), value: z.string().describe('Encrypted.') })).readonly();
type Headers = z.infer<typeof storedHeaders>;

/** `value` null: the header keeps the value that it has. */
export type HeadersPatch = readonly { readonly name: string; readonly value: string | null }[];

/** @throws DomainError if a header has no value that could stay */
export const keepHeaderValues = (from: Headers, to: HeadersPatch): Headers =>
  to.map(({ name, value }, i) => {
    const kept = value ?? from.find((header) => header.name.toLowerCase() === name.toLowerCase())?.value;
    if (kept === undefined)
      throw badInput(`headers.${i}.value`, `The endpoint has no header ${name} whose value could stay; give its value.`);
    return { name, value: kept };
  });

// ── As a person gives them ──

// Set by Hookledger, the connection or the signature. An endpoint may replace the default content-type and user-agent, because some receivers
// identify their callers by one of them.
const forbidden =
  /^(host|content-length|transfer-encoding|connection|keep-alive|proxy-connection|proxy-authenticate|upgrade|te|trailers?|expect|content-encoding|accept-encoding|http2-settings|webhook-.*|hookledger-hops|x-webhook-signature|x-signature|x-signature-algo|__proto__)$/i;

const headerName = text('The name of a header')
  .max(256, 'The name of a header may have at most 256 characters.')
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "The name of a header is letters, digits and !#$%&'*+-.^_`|~, without spaces or colons.")
  .refine((value) => !forbidden.test(value), {
    error: ({ input }) => `The header ${String(input)} is set by Hookledger or the connection itself; leave it out.`,
  });

const headerValue = text('The value of a header')
  .trim()
  .max(4096, 'The value of a header may have at most 4096 characters.')
  .regex(
    /^[\t\x20-\x7e]*$/,
    'The value of a header may hold visible ASCII characters and spaces; encode others, and leave out line breaks.',
  );

const headerListOf = <V extends z.ZodType>(value: V) =>
  z
    .array(z.object({ name: headerName, value }, { error: 'A header is an object with name and value.' }), {
      error: 'headers must be a list of {name, value}.',
    })
    .max(50, 'There may be at most 50 headers.')
    .superRefine((list, context) => {
      const seen = new Set<string>();
      for (const [index, { name }] of list.entries()) {
        const lower = name.toLowerCase();
        if (seen.has(lower))
          context.addIssue({ code: 'custom', path: [index, 'name'], message: `The header ${name} is there twice; join its values.` });
        seen.add(lower);
      }
    });

export const headers = headerListOf(headerValue);

/** Null, and the mask that is shown in its place: the header keeps its value. */
export const headersInPatch = headerListOf(
  z.preprocess((value) => (value === undefined || value === mask ? null : value), headerValue.nullable()),
);
