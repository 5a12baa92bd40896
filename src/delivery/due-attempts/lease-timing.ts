// The timing that leases of due attempts and of slots share.

/** A lease lasts this much longer than its attempt's timeout: enough to record the outcome. */
export const leaseMarginMs = 3_000;
