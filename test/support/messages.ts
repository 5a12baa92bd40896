// Random messages of every shape that can be published, for property tests: any keys, any nesting, any script, long and empty.
import * as fc from 'fast-check';
import type { FormattedMessage } from '../../src/delivery/formats/payload.ts';
import type { JsonObject } from '../../src/domain/json.ts';

const words = fc.constantFrom(
  '',
  ' ',
  'a',
  '<!channel> & "co"',
  '€uro',
  '👩‍👩‍👧‍👦',
  '\u0000\u001b[31m',
  '\u200b',
  '\ud83d',
  'x\ny\r\nz',
  '\u202e',
  '|',
  '`*_~',
  '\\"',
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  words,
  fc.tuple(words, fc.integer({ min: 0, max: 12_000 })).map(([word, times]) => word.repeat(Math.ceil(times / Math.max(1, word.length)))),
);
const key = fc.oneof(
  fc.string(),
  words,
  fc.constantFrom(
    'message',
    'title',
    'severity',
    'status',
    'id',
    'alert_id',
    'dedup_key',
    'source',
    'server_name',
    '__proto__',
    'constructor',
    'x'.repeat(700),
  ),
);
const known = fc.constantFrom('critical', 'warning', 'recovered', 'DOWN', 'info', 'resolved', 'acknowledged');
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(text, known, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 80 }),
    fc.dictionary(key, tie('value'), { maxKeys: 8, noNullPrototype: true }),
  ),
}));
const data = fc
  .oneof(
    fc.constant({}),
    fc.dictionary(key, value, { maxKeys: 90, noNullPrototype: true }),
    fc.record({ message: text, severity: known, status: known, id: fc.oneof(text, fc.integer()) }, { requiredKeys: [] }),
  )
  .map((each) => JSON.parse(JSON.stringify(each)) as JsonObject);

export const anyMessage: fc.Arbitrary<FormattedMessage> = fc.record({
  id: fc.uuid(),
  type: fc.oneof(fc.constantFrom('alert.created', 'alert.resolved', 'a', '_', '-.-', 'x'.repeat(128)), text),
  timestamp: fc.oneof(
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.constantFrom('2024-12-04T10:30:00Z', '2024-12-04T11:30:00+01:00', '', 'yesterday'),
    text,
  ),
  data,
});

/** For `fc.assert`: to make such a message smaller takes minutes, and its first form says enough. */
export const atOnce = { endOnFailure: true } as const;
