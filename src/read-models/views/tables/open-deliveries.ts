// The sequences of open deliveries, remembered from one batch of events to the next. Only while no other process writes the tables.
import type { DeliveryId } from '../../../domain/ids.ts';

/** Of more, the newest are remembered; the others are looked up in the table. */
const maxRemembered = 50_000;

export class OpenDeliveries {
  private readonly sequences = new Map<DeliveryId, number>();

  sequenceOf(id: DeliveryId): number | undefined {
    return this.sequences.get(id);
  }

  open(id: DeliveryId, sequence: number): void {
    this.sequences.set(id, sequence);
  }

  end(id: DeliveryId): void {
    this.sequences.delete(id);
  }

  forgetOldest(): void {
    for (const [id] of this.sequences.entries().take(Math.max(0, this.sequences.size - maxRemembered))) this.sequences.delete(id);
  }
}
