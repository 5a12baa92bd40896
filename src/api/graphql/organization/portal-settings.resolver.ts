// How the portal looks to an organization's people, over GraphQL.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Field, InputType, Mutation, ObjectType, Query, Resolver } from '@nestjs/graphql';
import { ChangePortalSettings } from '../../../commands/portal-commands.ts';
import {
  colorSchemes,
  defaultPortalSettings,
  portalSettingsFrom,
  portalSettingsInput,
  type PortalSettings as Settings,
} from '../../../domain/portal-settings.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { Allow, AllowPortal, AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import type { ApiContext } from '../context.ts';
import { enumType } from '../enums.ts';

const ColorScheme = enumType('ColorScheme', colorSchemes);

@ObjectType({ description: "How the portal looks to an organization's people." })
class PortalSettings implements Settings {
  @Field(() => String, { nullable: true })
  readonly name!: string | null;
  @Field(() => String, { nullable: true })
  readonly logo!: string | null;
  @Field(() => String, { nullable: true })
  readonly primaryColor!: string | null;
  @Field(() => ColorScheme)
  readonly colorScheme!: Settings['colorScheme'];
}

@InputType()
class PortalSettingsInput {
  @Field(() => String, { nullable: true })
  name?: string | null;
  @Field(() => String, { nullable: true, description: 'A data URI of a PNG or SVG of at most 64 KiB.' })
  logo?: string | null;
  @Field(() => String, { nullable: true })
  primaryColor?: string | null;
  @Field(() => ColorScheme, { nullable: true, defaultValue: ColorScheme.AUTO })
  colorScheme?: Settings['colorScheme'] | null;
}

@Resolver(() => PortalSettings)
export class PortalSettingsResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly directory: EndpointDirectory,
    private readonly writes: ReadYourWrites,
  ) {}

  @Query(() => PortalSettings)
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  portalSettings(@Context() { caller }: ApiContext): PortalSettings {
    return this.directory.portalSettings(caller.organizationId) ?? defaultPortalSettings;
  }

  @Mutation(() => PortalSettings)
  @Allow('ADMIN')
  async updatePortalSettings(@Args('input') input: PortalSettingsInput, @Context() { caller }: ApiContext): Promise<PortalSettings> {
    const settings = portalSettingsFrom(validate(portalSettingsInput, input, 'input'));
    await this.writes.waitForConfiguration(await this.commands.execute(new ChangePortalSettings(caller, settings)));
    return settings;
  }
}
