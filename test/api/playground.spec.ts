// The playground: served to browsers, from this server alone.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const page = () => fetch(`${api.url}/graphql`, { headers: { accept: 'text/html,application/xhtml+xml' } });
const addresses = (html: string) => Array.from(html.matchAll(/(?:src|href)="([^"]*)"/g), ([, address]) => address!);

it('is served to a browser without a key, under a policy that allows no other site', async () => {
  const response = await page();
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  const policy = response.headers.get('content-security-policy')!;
  expect(policy).toMatch(/^default-src 'none'/);
  expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline/);
});

it('names only files of this server; all exist, can be cached, and load nothing else', async () => {
  const html = await (await page()).text();
  expect(html).not.toMatch(/\/\/[a-z]/i);
  const files = addresses(html).filter((address) => !address.startsWith('data:'));
  expect(files.length).toBeGreaterThan(2);
  for (const file of files) {
    expect(file).toMatch(/^\/assets\//);
    const asset = await fetch(api.url + file);
    expect([file, asset.status]).toEqual([file, 200]);
    expect(asset.headers.get('cache-control')).toMatch(/immutable/);
    const text = await asset.text();
    expect(text.length).toBeGreaterThan(20);
    expect([file, foreign(file, text)]).toEqual([file, null]);
  }
});

/** What a file loads from another site. The links and name spaces that libraries hold are not loaded. */
const foreign = (file: string, text: string) =>
  (file.endsWith('.css') ? /@import|url\(["']?(?!data:|#)/ : /(importScripts|import)\(["'`]https?:|\.src\s*=\s*["'`]http/).exec(text);

it('does not bypass the key: data and other pages need one', async () => {
  const response = await fetch(`${api.url}/graphql`, { headers: { accept: 'application/json', 'x-apollo-operation-name': 'x' } });
  expect(response.status).toBe(401);
});
