// The commands on portal sessions: one is opened, or all of an organization that were opened until now are ended.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { notFound } from '../domain/errors.ts';
import { organization } from '../domain/organization.ts';
import type { PortalSettings } from '../domain/portal-settings.ts';
import { portalSession, type PortalSessionOpened } from '../domain/portal-session.ts';
import { organizationStream, portalSessionStream } from '../domain/streams.ts';
import { newId } from '../event-store/id-generation.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';
import { OrganizationGate } from './organization-gate.ts';

export class OpenPortalSession extends Command<{ readonly counter: number }> {
  constructor(
    readonly caller: Caller,
    readonly session: Omit<PortalSessionOpened['data'], 'organizationId'>,
  ) {
    super();
  }
}

export class EndPortalSessions extends Command<CommandResult> {
  constructor(readonly caller: Caller) {
    super();
  }
}

/** How the portal looks from here on. */
export class ChangePortalSettings extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly settings: PortalSettings,
  ) {
    super();
  }
}

/** Reads the organization. */
const unchanged = { ...organization, decide: () => [] };

/** @returns the counter for the token: of the log as it is now, because this process may not have followed an end of sessions at another replica yet */
@CommandHandler(OpenPortalSession)
export class OpenPortalSessionHandler implements ICommandHandler<OpenPortalSession> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly gate: OrganizationGate,
  ) {}

  async execute({ caller, session }: OpenPortalSession): Promise<{ readonly counter: number }> {
    this.gate.admitPortalSession(caller.organizationId);
    const { state } = await this.executor.execute(
      { stream: organizationStream(caller.organizationId), decider: unchanged, command: undefined },
      newCause(caller),
    );
    if (state.exists !== 'yes') throw notFound('There is no such organization.');
    const command = { type: 'OpenPortalSession', session: { organizationId: caller.organizationId, ...session } } as const;
    const expected = { state: portalSession.initial, revision: 'no-stream' } as const;
    await this.executor.execute({ stream: portalSessionStream(newId()), decider: portalSession, command, expected }, newCause(caller));
    return { counter: state.portalCounter };
  }
}

@CommandHandler(EndPortalSessions)
export class EndPortalSessionsHandler implements ICommandHandler<EndPortalSessions> {
  constructor(private readonly executor: CommandExecutor) {}

  execute({ caller }: EndPortalSessions): Promise<CommandResult> {
    const stream = organizationStream(caller.organizationId);
    // The counter is that of the very revision that it is decided on, however far this process has followed the log.
    const decider: typeof organization = {
      ...organization,
      decide: (_, state) => {
        const counter = state.exists === 'yes' ? state.portalCounter + 1 : 0;
        return organization.decide({ type: 'EndPortalSessions', counter }, state);
      },
    };
    return this.executor.execute({ stream, decider, command: { type: 'EndPortalSessions', counter: 0 } }, newCause(caller));
  }
}

@CommandHandler(ChangePortalSettings)
export class ChangePortalSettingsHandler implements ICommandHandler<ChangePortalSettings> {
  constructor(private readonly executor: CommandExecutor) {}

  execute({ caller, settings }: ChangePortalSettings): Promise<CommandResult> {
    const command = { type: 'ChangePortalSettings', settings } as const;
    return this.executor.execute({ stream: organizationStream(caller.organizationId), decider: organization, command }, newCause(caller));
  }
}
