// The forms of the settings' values: each turns the text of an environment variable into what the program uses, or says what would be right.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import * as z from 'zod';
import { readConnection } from '../event-store/eventstoredb/connection.ts';
import { errorCodeOf } from '../error-code.ts';

export const flag = z.enum(['true', 'false'], { error: 'must be true or false' }).transform((value) => value === 'true');
export const count = (max: number) =>
  z
    .string()
    .regex(/^\d+$/, { error: 'must be a whole number' })
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, { error: `must be 1 to ${max}` });

const isCidr = (text: string) => {
  const [address = '', bits = '', ...rest] = text.split('/');
  const version = isIP(address);
  return rest.length === 0 && version !== 0 && /^\d+$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
};

export const privateNetworks = z.string().transform((value, context): boolean | string[] => {
  if (value === 'true' || value === 'false') return value === 'true';
  const cidrs = value.split(',').map((part) => part.trim());
  const wrong = cidrs.find((cidr) => !isCidr(cidr));
  if (wrong === undefined) return cidrs;
  context.addIssue({
    code: 'custom',
    message: `must be true, false or a comma-separated list of CIDRs such as 10.0.0.0/8; "${wrong}" is not a CIDR`,
  });
  return z.NEVER;
});

export const networks = z.string().transform((value, context): readonly string[] => {
  const cidrs = value.split(',').map((part) => part.trim());
  const wrong = cidrs.find((cidr) => !isCidr(cidr));
  if (wrong === undefined) return cidrs;
  context.addIssue({ code: 'custom', message: `must be a comma-separated list of CIDRs such as 10.0.0.0/8; "${wrong}" is not a CIDR` });
  return z.NEVER;
});

/** No other characters: it becomes part of a header. */
const isOrigin = (text: string) =>
  /^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?$/.test(text) && URL.canParse(text) && new URL(text).origin === text;

/** As browsers send them: scheme, host and port, without a path. */
export const origins = z.string().transform((value, context): readonly string[] => {
  const given = value.split(',').map((part) => part.trim());
  const wrong = given.find((each) => !isOrigin(each));
  if (wrong === undefined) return given;
  context.addIssue({
    code: 'custom',
    message: `must be a comma-separated list of origins such as https://app.example.com; "${wrong}" is not an origin: scheme, host and port in lower case, without a path`,
  });
  return z.NEVER;
});

export const masterKey = z
  .string()
  .transform((text) => Buffer.from(text, 'base64'))
  .refine((key) => key.length === 32, { error: 'must be 32 bytes in base64; generate one with: openssl rand -base64 32' });

/** An origin: browsers know the console, and its cookie, by scheme, host and port. */
export const publicUrl = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && /^\/?$/.test(new URL(text).pathname + new URL(text).search),
    {
      error: 'must be an http or https URL without a path, such as https://hooks.example.com',
    },
  )
  .transform((text) => new URL(text).origin);

/** Reads the file here, to report mistakes before anything is opened. */
export const certificates = z.string().transform((file, context): readonly string[] => {
  const mistake = (message: string) => {
    context.addIssue({ code: 'custom', message: `names the file ${file}, ${message}` });
    return z.NEVER;
  };
  let found: readonly string[];
  try {
    found = readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  } catch (error) {
    return mistake(`which can't be read (${errorCodeOf(error) ?? String(error)})`);
  }
  if (found.length === 0) return mistake('which holds no certificate in PEM (text that begins with -----BEGIN CERTIFICATE-----)');
  const unreadable = found.findIndex((pem) => !isCertificate(pem));
  return unreadable === -1 ? found : mistake(`whose certificate no. ${unreadable + 1} can't be read; replace it`);
});

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
};

export const connectionString = z.string().superRefine((text, context) => {
  try {
    readConnection(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
  }
});
export const databaseUrl = z.string().refine(
  (text) => {
    const url = URL.parse(text);
    return (
      url !== null && /^postgres(ql)?:$/.test(url.protocol) && (url.host !== '' || url.searchParams.has('host')) && url.pathname.length > 1
    );
  },
  { error: 'must be a URL such as postgres://user:password@db.example:5432/hookledger' },
);
