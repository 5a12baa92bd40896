// Runs the Node code that the console shows against the signatures that Hookledger makes.
import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { sign } from '../../src/delivery/signatures/signature.ts';
import { languages, signatureHeaders, verifyCode } from '../../console/src/pages/endpoint/verify-code.ts';

type IsGenuine = (headers: Readonly<Record<string, string>>, body: string, key: string) => boolean;

const run = async (code: string): Promise<IsGenuine> => {
  const module = (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`)) as { isGenuine: IsGenuine };
  return module.isGenuine;
};

const pair = generateKeyPairSync('ed25519');
/** The key itself stands at the end of either form. */
const seed = pair.privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32);
const publicBytes = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
const symmetric = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const body = '{"event":"order.created","data":{"name":"Zoë"}}';

it.each([
  { scheme: 'WEBHOOK_SHA256', secret: 'a secret of ours', key: 'a secret of ours' },
  { scheme: 'SIGNATURE_SHA256', secret: 'a secret of ours', key: 'a secret of ours' },
  { scheme: 'STANDARD_WEBHOOKS', secret: symmetric, key: symmetric },
  {
    scheme: 'STANDARD_WEBHOOKS_ED25519',
    secret: `whsk_${Buffer.concat([seed, publicBytes]).toString('base64')}`,
    key: `whpk_${publicBytes.toString('base64')}`,
  },
] as const)('the code for $scheme takes what is genuine, and nothing else', async ({ scheme, secret, key }) => {
  const isGenuine = await run(verifyCode(scheme, 'Node'));
  const made = sign(scheme, { body, messageId: 'message-1', timestamp: new Date(), secrets: [secret] });
  const headers = {
    'webhook-id': 'message-1',
    ...Object.fromEntries(Object.entries(made).map(([name, value]) => [name.toLowerCase(), value])),
  };
  expect(isGenuine(headers, body, key)).toBe(true);
  expect(isGenuine(headers, body.replace('Zoë', 'Zoe'), key)).toBe(false);
  const signature = signatureHeaders[scheme].at(-1)?.toLowerCase() ?? '';
  expect(isGenuine({ ...headers, [signature]: 'sha256=00' }, body, key)).toBe(false);
});

it('names the headers of each scheme in the code of each language', () => {
  for (const [scheme, names] of Object.entries(signatureHeaders) as [keyof typeof signatureHeaders, readonly string[]][])
    for (const language of languages) {
      const code = verifyCode(scheme, language).toLowerCase();
      expect(code.includes((names.at(-1) ?? '').toLowerCase()) || code.includes('standardwebhooks'), `${scheme} ${language}`).toBe(true);
    }
});
