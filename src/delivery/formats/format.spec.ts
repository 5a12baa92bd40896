import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../domain/json.ts';
import { FormatError } from './format-error.ts';
import { formatBody } from './format.ts';

const alert = {
  id: 'm-1',
  type: 'alert.created',
  timestamp: '2024-12-04T10:30:00Z',
  data: { alert_id: 456, severity: 'critical', message: 'CPU usage exceeded 90%', server_id: 123 },
};

describe('ENVELOPE', () => {
  it('is event, timestamp as written, constants, data, in this order', () =>
    expect(formatBody('ENVELOPE', alert, { constants: { instance_id: 1 } })).toEqual({
      body: '{"event":"alert.created","timestamp":"2024-12-04T10:30:00Z","instance_id":1,"data":{"alert_id":456,"severity":"critical","message":"CPU usage exceeded 90%","server_id":123}}',
      contentType: 'application/json',
    }));
  it('is event, timestamp, data without constants', () =>
    expect(formatBody('ENVELOPE', { ...alert, data: {} }, null).body).toBe(
      '{"event":"alert.created","timestamp":"2024-12-04T10:30:00Z","data":{}}',
    ));
  it('lets no constant replace its own fields', () =>
    expect(formatBody('ENVELOPE', { ...alert, data: {} }, { constants: { data: 1, event: 2, timestamp: 3, x: 4 } }).body).toBe(
      '{"event":"alert.created","timestamp":"2024-12-04T10:30:00Z","x":4,"data":{}}',
    ));
});

describe('FLAT', () => {
  it('is the data, and the constants after it', () =>
    expect(formatBody('FLAT', alert, { constants: { instance_id: 1 } }).body).toBe(
      '{"alert_id":456,"severity":"critical","message":"CPU usage exceeded 90%","server_id":123,"instance_id":1}',
    ));
  it('lets no constant replace what the data says', () =>
    expect(formatBody('FLAT', alert, { constants: { severity: 'low', z: 0 } }).body).toBe(
      '{"alert_id":456,"severity":"critical","message":"CPU usage exceeded 90%","server_id":123,"z":0}',
    ));
});

describe('ARRAY', () => {
  it('is a list of ENVELOPE payloads, sent as text', () =>
    expect(formatBody('ARRAY', alert, { constants: { instance_id: 1 } })).toEqual({
      body: `[${formatBody('ENVELOPE', alert, { constants: { instance_id: 1 } }).body}]`,
      contentType: 'text/plain',
    }));
});

describe('TEMPLATE', () => {
  it('gets the constants beside the message, and its error repeats no secret of them', async () => {
    const options = { template: 'x', constants: { apiKey: 's3cret-value' } };
    const given: unknown[] = [];
    const evaluate = (_: string, message: object) => {
      given.push(message);
      return given.length === 1 ? Promise.resolve(1) : Promise.reject(new FormatError('The template failed: s3cret-value.'));
    };
    await formatBody('TEMPLATE', alert, options, evaluate);
    expect(given).toEqual([{ ...alert, constants: options.constants }]);
    await expect(formatBody('TEMPLATE', alert, options, evaluate)).rejects.toThrow(new FormatError('The template failed: ••••••.'));
  });
  const evaluate = (template: string, { data }: typeof alert) => Promise.resolve({ [template]: data.severity });
  it('is what the template yields, as JSON', async () =>
    expect(await formatBody('TEMPLATE', alert, { template: 'x' }, evaluate as never)).toEqual({
      body: '{"x":"critical"}',
      contentType: 'application/json',
    }));
  it('cannot be made without one', async () =>
    expect(formatBody('TEMPLATE', alert, null, evaluate as never)).rejects.toThrow(/set formatOptions.template/));
});

describe('a batch', () => {
  const two = [alert, { ...alert, id: 'm-2', data: { n: 2 } }];
  it.each(['ENVELOPE', 'FLAT', 'ARRAY'] as const)('in %s is the list of what each message alone would be', (format) => {
    const alone = two.flatMap((message) => JSON.parse(formatBody(format, message, null).body) as unknown);
    expect(formatBody(format, two, null).body).toBe(JSON.stringify(alone));
  });
  it('in TEMPLATE, too', async () => {
    const evaluate = (_: string, { id }: { id: string }) => Promise.resolve(id);
    expect(await formatBody('TEMPLATE', two, { template: 'id' }, evaluate)).toMatchObject({ body: '["m-1","m-2"]' });
  });
  it('of one is a list, too', () => expect(formatBody('FLAT', [alert], null).body).toBe(`[${formatBody('FLAT', alert, null).body}]`));
  it('can not be said in a chat or to a pager', () => expect(() => formatBody('SLACK', two, null)).toThrow(/SLACK can't carry several/));
});

describe('every format', () => {
  // Through the text once, as a published message comes; __proto__ and number-like keys included.
  const json = fc
    .dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '2', '1', 'event', 'data')), fc.jsonValue(), {
      noNullPrototype: true,
    })
    .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
  const prompt = fc.constantFrom('ENVELOPE', 'FLAT', 'ARRAY', 'SLACK', 'DISCORD', 'TEAMS', 'PAGERDUTY');

  it('makes bodies that equal their own re-serialisation', () =>
    fc.assert(
      fc.property(prompt, json, json, fc.string(), (format, data, constants, timestamp) => {
        const { body } = formatBody(format, { ...alert, timestamp, data }, { constants, routingKey: 'x'.repeat(32) });
        expect(JSON.stringify(JSON.parse(body))).toBe(body);
        expect(Buffer.from(body).toString()).toBe(body); // no lone surrogate gets lost on the wire
      }),
    ));
  it('keeps the data', () =>
    fc.assert(
      fc.property(json, json, (data, constants) => {
        expect(JSON.stringify(JSON.parse(formatBody('ENVELOPE', { ...alert, data }, { constants }).body).data)).toBe(JSON.stringify(data));
        const flat = JSON.parse(formatBody('FLAT', { ...alert, data }, { constants }).body) as JsonObject;
        for (const key of Object.keys(data)) expect(JSON.stringify(flat[key])).toBe(JSON.stringify(data[key]));
        for (const key of Object.keys(constants)) expect(Object.hasOwn(flat, key)).toBe(true);
      }),
    ));
});
