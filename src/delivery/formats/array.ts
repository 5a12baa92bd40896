// ARRAY: a list of one or more ENVELOPE payloads. Sent as text, so that a receiver checks the signature of the string before it parses it.
import { envelope } from './envelope.ts';
import type { Format } from './payload.ts';

export const array: Format = { contentType: 'text/plain', lists: 'always', payload: envelope.payload };
