import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskResponseHeaders, maskUrl, maskUrlsInText, secretPartsOf } from './url-masking.ts';

const m = '••••••';

describe('of a URL is shown', () => {
  it.each([
    ['https://hooks.slack.com/services/T/B/x', `https://hooks.slack.com/services/${m}/${m}/${m}`],
    ['https://hooks.slack.com/workflows/T/A/1/words', `https://hooks.slack.com/workflows/${m}/${m}/${m}/${m}`],
    ['https://discord.com/api/webhooks/MARKER/token', `https://discord.com/api/webhooks/${m}/${m}`],
    ['https://outlook.office.com/webhook/a@b/IncomingWebhook/c/d', `https://outlook.office.com/webhook/${m}/${m}/${m}/${m}`],
    ['https://acme.webhook.office.com/webhookb2/x/y', `https://acme.webhook.office.com/webhookb2/${m}/${m}`],
    ['https://api.telegram.org/bot12:AbC/sendMessage', `https://api.telegram.org/${m}/${m}`],
    ['https://hooks.zapier.com/hooks/catch/123/abc/', `https://hooks.zapier.com/hooks/catch/${m}/${m}/`],
    ['https://chat.example/hooks/8f3kq0', `https://chat.example/hooks/${m}`],
    ['http://127.0.0.1:3000/services/T/B/word', `http://127.0.0.1:3000/services/${m}/${m}/${m}`],
  ])('of the chat hook %s the host', (url, shown) => expect(maskUrl(url)).toBe(shown));

  it.each(['token', 'sig', 'key', 'code', 'secret', 'signature', 'auth', 'X-Amz-Signature', 'accessCode', 'userId', 'email'])(
    'of the parameter %s the name',
    (name) => expect(maskUrl(`https://a.example/hook?${name}=word&page=2`)).toBe(`https://a.example/hook?${name}=${m}&page=2`),
  );

  it.each([
    ['an id', 'https://a.example/4dd7123e-13af-4e02-aaa4-08da7473c3dc/in', `https://a.example/${m}/in`],
    ['a token', 'https://a.example/in/xoxbabcdefghijklmnop', `https://a.example/in/${m}`],
    ["somebody's", 'https://a.example/users/alice/hook', `https://a.example/users/${m}/hook`],
    ['an address', 'https://a.example/alice%40example.com', `https://a.example/${m}`],
    ['behind a name of secrets', 'https://a.example/with/key/word', `https://a.example/with/key/${m}`],
    ['a value without a name', 'https://a.example/?8f7a6b5c4d', `https://a.example/?${m}`],
    ['an odd value', 'https://a.example/?x=q8x1s7d', `https://a.example/?x=${m}`],
    ['credentials', 'https://user:pw@a.example/', `https://${m}@a.example/`],
    ['a fragment', 'https://a.example/#state', `https://a.example/#${m}`],
    ['of a relative URL', '/callback?code=1', `/callback?code=${m}`],
  ])('all but %s', (_, url, shown) => expect(maskUrl(url)).toBe(shown));

  it.each([
    'https://hooks.example.com/alerts?team=ops',
    'https://receiver.example/webhooks/orders.created',
    'https://receiver.example:8443/api/v1/on-call/events?api-version=2016-06-01&dryRun=true',
    'http://127.0.0.1:4123/flaky-receiver_2',
    'https://receiver.example/',
  ])('all of %s', (url) => expect(maskUrl(url)).toBe(url));

  it('as much when it is masked again', () =>
    fc.assert(
      fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), (url) => {
        const shown = maskUrl(url);
        expect(maskUrl(shown)).toBe(shown);
      }),
    ));
});

it('the secret parts of a URL are those that its shown form leaves out', () =>
  expect(secretPartsOf('https://a.example/services/T/B/x?token=abc&team=ops')).toEqual(['T', 'B', 'x', 'abc']));

it('URLs in a sentence are masked, and the sentence stays', () =>
  expect(maskUrlsInText('It redirects to https://a.example/?token=x, and (http://b.example/in).')).toBe(
    `It redirects to https://a.example/?token=${m}, and (http://b.example/in).`,
  ));

it('of a response the headers that set credentials are masked, and URLs in the others', () =>
  expect(
    maskResponseHeaders({
      'set-cookie': 's=1',
      'x-refresh-token': 't',
      location: '/in?token=t',
      link: '<https://a.example/?key=k>; rel="next"',
      server: 'x',
    }),
  ).toEqual({
    'set-cookie': m,
    'x-refresh-token': m,
    location: `/in?token=${m}`,
    link: `<https://a.example/?key=${m}>; rel="next"`,
    server: 'x',
  }));
