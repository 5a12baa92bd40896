// Records that a secret is shown to somebody. The secret may be answered only after this: who looked must be certain.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { disclosure, type DisclosureEvent } from '../domain/disclosure.ts';
import type { EndpointId } from '../domain/ids.ts';
import { disclosureStream } from '../domain/streams.ts';
import { disclosureIdOf } from '../event-store/id-generation.ts';
import { newCause, type Caller } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';

/** @param endpointId whose secret; undefined: the organization's signing key */
export class RecordDisclosure extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly endpointId: EndpointId | undefined,
  ) {
    super();
  }
}

/** Per replica. Above it, the log is asked again. */
const mostRemembered = 10_000;

@CommandHandler(RecordDisclosure)
export class RecordDisclosureHandler implements ICommandHandler<RecordDisclosure> {
  /** What this replica has recorded in this hour, or is recording. */
  private readonly recorded = new Map<string, Promise<void>>();
  private hour = '';

  constructor(private readonly executor: CommandExecutor) {}

  async execute({ caller, endpointId }: RecordDisclosure): Promise<void> {
    const hour = `${new Date().toISOString().slice(0, 13)}:00:00.000Z`;
    if (hour !== this.hour || this.recorded.size >= mostRemembered) this.recorded.clear();
    this.hour = hour;
    const id = disclosureIdOf([caller.organizationId, caller.actorId ?? caller.actor, endpointId ?? 'signing-key', hour]);
    let recorded = this.recorded.get(id);
    if (!recorded) {
      recorded = this.record(id, caller, endpointId, hour);
      this.recorded.set(id, recorded);
      recorded.catch(() => this.recorded.delete(id));
    }
    return recorded;
  }

  private async record(id: string, caller: Caller, endpointId: EndpointId | undefined, hour: string): Promise<void> {
    const { organizationId } = caller;
    const shown: DisclosureEvent =
      endpointId === undefined
        ? { type: 'disclosure.signing-key-shown', data: { organizationId, hour } }
        : { type: 'disclosure.secret-shown', data: { organizationId, endpointId, hour } };
    const expected = { state: disclosure.initial, revision: 'no-stream' } as const; // if not, the append is refused, and the stream read
    await this.executor.execute(
      { stream: disclosureStream(id), decider: disclosure, command: { type: 'Record', shown }, expected },
      { ...newCause(caller), commandId: id },
    );
  }
}
