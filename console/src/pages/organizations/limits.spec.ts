import { expect, it } from 'vitest';
import { fieldsOf, limitsIn, limitsText } from './limits.ts';

const none = {
  messagesPerSecond: null,
  endpoints: null,
  waitingDeliveries: null,
  payloadBytes: null,
  portalSessionsPerHour: null,
  payloadDays: null,
  messageDays: null,
};

it('says the limits that an organization has for itself', () => {
  expect(limitsText(none)).toBe('');
  expect(limitsText({ ...none, messagesPerSecond: 0.5, endpoints: 0, payloadBytes: 65_536 })).toBe(
    '0.5 messages/s, 0 endpoints, 65,536 bytes',
  );
});

it('takes an empty field for the installation’s setting, and a zero for none at all', () => {
  expect(fieldsOf({ ...none, endpoints: 0 }).endpoints).toBe(0);
  expect(fieldsOf(none).endpoints).toBe('');
  expect(limitsIn({ ...fieldsOf(none), endpoints: 0, payloadDays: '30' })).toEqual({ ...none, endpoints: 0, payloadDays: 30 });
});
