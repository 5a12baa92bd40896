// Records that a test was sent by settings that are not saved.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { draftTest, type DraftTestEvent } from '../domain/draft-test.ts';
import { draftTestStream } from '../domain/streams.ts';
import { newId } from '../event-store/id-generation.ts';
import { newCause, type Caller } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';

export class RecordDraftTest extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly made: Omit<DraftTestEvent['data'], 'organizationId'>,
  ) {
    super();
  }
}

@CommandHandler(RecordDraftTest)
export class RecordDraftTestHandler implements ICommandHandler<RecordDraftTest> {
  constructor(private readonly executor: CommandExecutor) {}

  async execute({ caller, made }: RecordDraftTest): Promise<void> {
    const event: DraftTestEvent = { type: 'drafttest.made', data: { organizationId: caller.organizationId, ...made } };
    const expected = { state: draftTest.initial, revision: 'no-stream', isNew: true } as const;
    const command = { stream: draftTestStream(newId()), decider: draftTest, command: { type: 'Record', made: event }, expected } as const;
    await this.executor.execute(command, newCause(caller));
  }
}
