// How many attempts a delivery has in all: those made and those that its schedule still has.

type Planned = { readonly status: string; readonly test: boolean; readonly attemptCount: number };

/**
 * @param scheduled the length of the endpoint's retry policy now
 * @param failuresInSeries of its last attempt: failed attempts that count by the policy. 0: it succeeded, or was put off
 */
export const attemptsPlanned = ({ status, test, attemptCount }: Planned, scheduled: number, failuresInSeries: number): number => {
  if (test) return Math.max(1, attemptCount);
  switch (status) {
    case 'FAILED':
      return attemptCount;
    case 'SUCCEEDED':
    case 'CANCELLED':
      return Math.max(attemptCount, scheduled);
    case 'PENDING':
      // Attempts that were made belong to an earlier series: somebody asked for a fresh one.
      return attemptCount + scheduled;
    default:
      return attemptCount + Math.max(1, scheduled - failuresInSeries);
  }
};
