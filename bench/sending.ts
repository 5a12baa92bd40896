// Signs and POSTs for both limits of the bench, through undici's Pool in its cheapest way.
import type { Dispatcher, Pool } from 'undici';
import { signatureOf } from './workload.ts';

/** Calls `done` with the response's status, or with 0 if there was none. */
export const signAndSend = (pool: Pool, path: string, messageId: string, body: string, done: (status: number) => void): void => {
  let status = 0;
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {},
    onResponseStart(_, statusCode) {
      status = statusCode;
    },
    onResponseData() {},
    onResponseEnd() {
      done(status);
    },
    onResponseError() {
      done(0);
    },
  };
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Hookledger-bench',
    'webhook-id': messageId,
    'webhook-attempt': '1',
    'x-webhook-signature': signatureOf(body),
  };
  pool.dispatch({ method: 'POST', path, headers, body }, handler);
};
