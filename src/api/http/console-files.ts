// The files of the console and the playground as the build made them, with what compression saves beside each. Run from its sources, the server
// takes them from dist/, where `npm run build` puts them.
import { readFileSync } from 'node:fs';
import { errorCodeOf } from '../../error-code.ts';
import { Refusal } from '../refusal.ts';

const folder = new URL(import.meta.url.endsWith('.ts') ? '../../../dist/console/' : './console/', import.meta.url);

const typeOf: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
};

export type ConsoleFile = { readonly type: string; readonly content: Buffer; readonly encoding: 'br' | 'gzip' | undefined };

/** Each is read once, when it is first asked for. */
const read = new Map<string, Buffer | undefined>();

const contentOf = (name: string): Buffer | undefined => {
  if (!read.has(name)) read.set(name, readIfThere(name));
  return read.get(name);
};

const readIfThere = (name: string): Buffer | undefined => {
  try {
    return readFileSync(new URL(name, folder));
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** @param name without a folder. @param accepted the header `accept-encoding`. @returns undefined if there is no such file */
export const readAsset = (name: string, accepted: string): ConsoleFile | undefined => {
  const type = /^\w[\w.-]*\.(\w+)$/.exec(name)?.[1];
  const contentType = type === undefined ? undefined : typeOf[type];
  if (contentType === undefined) return undefined;
  for (const [encoding, ending] of [
    ['br', '.br'],
    ['gzip', '.gz'],
    [undefined, ''],
  ] as const) {
    if (encoding !== undefined && !new RegExp(String.raw`\b${encoding}\b`).test(accepted)) continue;
    const content = contentOf(`assets/${name}${ending}`);
    if (content !== undefined) return { type: contentType, content, encoding };
  }
  return undefined;
};

/** A page of the build, or the script that pages of others load. @throws Refusal UNAVAILABLE if it was not built */
export const readPage = (name: 'index.html' | 'playground.html' | 'portal.html' | 'portal.js'): string => {
  const content = contentOf(name);
  if (content === undefined) throw new Refusal('UNAVAILABLE', 'The console is not built here; run `npm run build`, and start again.');
  return content.toString();
};
