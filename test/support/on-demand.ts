// One server of something for a whole run of vitest: started when the first spec asks for it, and not before.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Started = { readonly url: string; readonly stop: () => Promise<void> };

/** @returns the address that answers with the URL of what was started. `end` stops it. */
export const serveOnDemand = async (start: () => Promise<Started>): Promise<{ address: string; end: () => Promise<void> }> => {
  let started: Promise<Started> | undefined;
  const server = createServer((_, response) => {
    started ??= start();
    started.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    end: async () => {
      server.close();
      server.closeAllConnections();
      await started?.then(({ stop }) => stop()).catch(() => undefined);
    },
  };
};
