// Whether a lane's requests would wait for nothing but the receiver. Where something else is missing, such as the receiver's address, the lane waits for
// it here, without taking a place that others need.

export class Readiness {
  private isPreparing = false;

  constructor(
    /** True: nothing is missing. A promise resolves when something may have changed. */
    private readonly prepare: () => true | Promise<void>,
    private readonly onReady: () => void,
  ) {}

  /** If not, `onReady` is called once it may be so. */
  get isReady(): boolean {
    if (this.isPreparing) return false;
    const ready = this.prepare();
    if (ready === true) return true;
    void this.wait(ready);
    return false;
  }

  private async wait(ready: Promise<void>): Promise<void> {
    this.isPreparing = true;
    await ready;
    this.isPreparing = false;
    this.onReady();
  }
}
