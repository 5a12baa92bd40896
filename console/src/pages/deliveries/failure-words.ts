// The reasons of failures in words. Pure.
export const failureWords = {
  HTTP_STATUS: 'HTTP status',
  REDIRECT: 'Redirect',
  TIMEOUT: 'Timeout',
  DNS: 'Name not found',
  CONNECTION: 'No connection',
  TLS: 'TLS',
  BLOCKED_ADDRESS: 'Blocked address',
  FORMAT: 'Format',
} as const;
type FailureName = keyof typeof failureWords;

export const failureOptions = Object.entries(failureWords).map(([value, label]) => ({ value: value as FailureName, label }));
