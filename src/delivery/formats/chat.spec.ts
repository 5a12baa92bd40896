// SLACK, DISCORD and TEAMS: what a person reads, and that each service would take it whatever the message.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyMessage, atOnce } from '../../../test/support/messages.ts';
import { discordFinds, slackFinds, teamsFinds } from '../../../test/support/services.ts';
import type { JsonObject } from '../../domain/json.ts';
import { discord } from './discord.ts';
import type { FormattedMessage } from './payload.ts';
import { slack } from './slack.ts';
import { teams } from './teams.ts';

/** The documented message of a server monitoring product. */
const down: FormattedMessage = {
  id: 'm-1',
  type: 'alert.created',
  timestamp: '2024-01-15T10:30:00Z',
  data: {
    alert_id: '12345',
    server_name: 'web-server-01',
    status: 'down',
    message: 'HTTP service is not responding on port 80',
    severity: 'critical',
    server_ip: '192.168.1.100',
  },
};
const saying = (data: JsonObject): FormattedMessage => ({ ...down, data });
const recovered = saying({ ...down.data, status: 'recovered' });
const large = saying(Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`field_${n}`, '漢'.repeat(80)])));

// oxlint-disable-next-line typescript/no-explicit-any -- payloads of other services, looked into field by field
type Payload = any;
const inSlack = (message: FormattedMessage): Payload => slack.payload(message, null);
const inDiscord = (message: FormattedMessage): Payload => (discord.payload(message, null) as Payload).embeds[0];
const inTeams = (message: FormattedMessage): Payload => (teams.payload(message, null) as Payload).attachments[0].content.body;

describe('SLACK', () => {
  it('takes whatever message there is', () =>
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(slackFinds(slack.payload(message, null))).toEqual([]);
      }),
      atOnce,
    ));
  it('reads as title, sentence, fields and time, marked by how grave it is', () => {
    const { text, blocks } = inSlack(down);
    expect(text).toBe('🔴 Alert created: HTTP service is not responding on port 80');
    expect(blocks.map(({ type }: Payload) => type)).toEqual(['header', 'section', 'section', 'context']);
    expect(blocks[0].text.text).toBe('🔴 Alert created');
    expect(blocks[1].text.text).toBe('HTTP service is not responding on port 80');
    expect(blocks[2].fields.map(({ text }: Payload) => text)).toEqual([
      '*Alert ID*\n12345',
      '*Server name*\nweb-server-01',
      '*Status*\ndown',
      '*Severity*\ncritical',
      '*Server IP*\n192.168.1.100',
    ]);
    expect(blocks[3].elements[0].text).toBe('alert.created · 2024-01-15 10:30:00 UTC');
    expect(inSlack(recovered).text).toMatch(/^🟢 /);
  });
  it('escapes what would be a mention or a link', () =>
    expect(inSlack(saying({ message: '<!channel> R&D > all' })).text).toBe('Alert created: &lt;!channel&gt; R&amp;D &gt; all'));
  it('shortens visibly, without cutting an escape', () => {
    const { text } = inSlack(saying({ message: '&'.repeat(5_000) })).blocks[1].text;
    expect(text).toBe(`${'&amp;'.repeat(599)}…`);
  });
  it('says how many fields it left out', () => expect(inSlack(large).blocks.at(-1).elements[0].text).toMatch(/^… and 2960 more · /));
});

describe('DISCORD', () => {
  it('takes whatever message there is', () =>
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(discordFinds(discord.payload(message, null))).toEqual([]);
      }),
      atOnce,
    ));
  it('reads as title, sentence, fields and time, coloured by how grave it is', () => {
    const { title, description, fields, color, timestamp, footer } = inDiscord(down);
    expect({ title, description, timestamp, footer }).toEqual({
      title: 'Alert created',
      description: 'HTTP service is not responding on port 80',
      timestamp: '2024-01-15T10:30:00.000Z',
      footer: { text: 'alert.created' },
    });
    expect(fields).toContainEqual({ name: 'Server name', value: 'web-server-01', inline: true });
    expect(color).not.toBe(inDiscord(recovered).color);
  });
  it('leaves a time out that is none', () => expect(inDiscord({ ...down, timestamp: 'yesterday' })).not.toHaveProperty('timestamp'));
  it('says how many fields it left out', () => {
    const { fields, footer } = inDiscord(large);
    expect(footer.text).toBe(`alert.created · … and ${3_000 - fields.length} more`);
  });
  it('shows a long sentence as far as there is room beside the fields', () => {
    expect(inDiscord(saying({ message: 'x'.repeat(5_000) })).description).toHaveLength(4_000);
    const { description, fields } = inDiscord(saying({ ...large.data, message: 'x'.repeat(5_000) }));
    expect(description).toMatch(/^x{1999,}…$/);
    expect(fields.length).toBeGreaterThan(10);
  });
});

describe('TEAMS', () => {
  it('takes whatever message there is', () =>
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(teamsFinds(teams.payload(message, null))).toEqual([]);
      }),
      atOnce,
    ));
  it('reads as title, sentence, facts and time, coloured by how grave it is', () => {
    const [head, sentence, facts, end] = inTeams(down);
    expect(head).toMatchObject({ style: 'attention', items: [{ text: 'Alert created' }] });
    expect(sentence.text).toBe('HTTP service is not responding on port 80');
    expect(facts.facts).toContainEqual({ title: 'Server IP', value: '192.168.1.100' });
    expect(end.text).toBe('alert.created · 2024-01-15 10:30:00 UTC');
    expect(inTeams(recovered)[0].style).toBe('good');
  });
  it('says how many fields it left out', () => {
    const [, facts, end] = inTeams(large);
    expect(end.text).toMatch(new RegExp(`^… and ${3_000 - facts.facts.length} more · `));
    expect(facts.facts).toHaveLength(60);
  });
});
