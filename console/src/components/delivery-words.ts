// The statuses of deliveries in words. Pure.
const deliveryStatusWords = {
  PENDING: 'Pending',
  RETRYING: 'Retrying',
  HELD: 'Held',
  SUCCEEDED: 'Succeeded',
  FAILED: 'Failed',
  CANCELLED: 'Cancelled',
} as const;
export type DeliveryStatusName = keyof typeof deliveryStatusWords;

export const deliveryStatusNames = Object.entries(deliveryStatusWords).map(([value, label]) => ({
  value: value as DeliveryStatusName,
  label,
}));
export const deliveryStatusLabel = (status: DeliveryStatusName): string => deliveryStatusWords[status];
