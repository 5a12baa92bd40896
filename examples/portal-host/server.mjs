// A page of yours with the portal in it. HOOKLEDGER_URL, HOOKLEDGER_KEY (of an admin) and PORT say where; run it with `node server.mjs`.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { HOOKLEDGER_URL: hookledger = 'http://127.0.0.1:3000', HOOKLEDGER_KEY: key = '', PORT: port = '8080' } = process.env;
const page = readFileSync(new URL('index.html', import.meta.url), 'utf8').replaceAll('{{hookledger}}', hookledger);
const query = 'mutation ($subject: String!) { createPortalSession(input: { subject: $subject }) { token } }';

/** The backend call: your server knows who is signed in and which organization that is. The key never leaves it. */
const openSession = async (subject, organization) => {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'hookledger-organization': organization };
  const body = JSON.stringify({ query, variables: { subject } });
  const answer = await fetch(`${hookledger}/graphql`, { method: 'POST', headers, body });
  return (await answer.json()).data.createPortalSession.token;
};

createServer(async ({ method, url }, response) => {
  if (method !== 'POST' || url !== '/portal-token') return response.setHeader('content-type', 'text/html; charset=utf-8').end(page);
  // Without a token the portal says that its session is not open, and offers to try again.
  return response.end(await openSession('anna@customer.example', 'default').catch(() => ''));
}).listen(Number(port), () => console.log(`http://localhost:${port}/`));
