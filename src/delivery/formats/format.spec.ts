import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../domain/json.ts';
import { availableFormats, formatBody } from './format.ts';
import { FormatError } from './format-error.ts';

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

describe('every format', () => {
  // Through the text once, as a published message comes; __proto__ and number-like keys included.
  const json = fc
    .dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '2', '1', 'event', 'data')), fc.jsonValue(), {
      noNullPrototype: true,
    })
    .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);

  it('makes bodies that equal their own re-serialisation', () =>
    fc.assert(
      fc.property(fc.constantFrom(...availableFormats), json, json, fc.string(), (format, data, constants, timestamp) => {
        const { body } = formatBody(format, { ...alert, timestamp, data }, { constants });
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
  it('that is not available says so', () => expect(() => formatBody('SLACK', alert, null)).toThrow(FormatError));
});
