// The sequences and event types of open deliveries, remembered from one batch of events to the next. Only while no other process writes the tables.
import type { DeliveryId } from '../../../domain/ids.ts';

/** Of more, the newest are remembered; the others are looked up in the table. */
const maxRemembered = 50_000;

type OpenDelivery = { readonly sequence: number; readonly type: string };

export class OpenDeliveries {
  private readonly deliveries = new Map<DeliveryId, OpenDelivery>();

  find(id: DeliveryId): OpenDelivery | undefined {
    return this.deliveries.get(id);
  }

  open(id: DeliveryId, sequence: number, type: string): void {
    this.deliveries.set(id, { sequence, type });
  }

  end(id: DeliveryId): void {
    this.deliveries.delete(id);
  }

  forgetOldest(): void {
    for (const [id] of this.deliveries.entries().take(Math.max(0, this.deliveries.size - maxRemembered))) this.deliveries.delete(id);
  }
}
