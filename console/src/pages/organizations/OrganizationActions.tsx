// What can be done to an organization, from its row.
import { ActionIcon, Anchor, Menu } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { useClient } from 'urql';
import { addressFor, headersFor } from '../../api/organization.ts';
import { useCaller } from '../../api/use-caller.ts';
import { MoreIcon } from '../../components/icons.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { DeleteDialog, LimitsDialog, SuspendDialog } from './dialogs.tsx';
import type { Organization } from './OrganizationRow.tsx';
import { openPortal, resumeOrganization } from './organizations.query.ts';

/** Nobody can suspend or delete it. */
const first = 'default';
const portalSeconds = 3_600;

export const OrganizationActions = ({ organization }: { readonly organization: Organization }) => {
  const { id, name, status } = organization;
  const me = useCaller();
  const client = useClient();
  const [dialog, setDialog] = useState<'limits' | 'suspend' | 'delete'>();
  const [resume] = useChange(resumeOrganization, ['Organization']);
  const close = () => setDialog(undefined);
  const goOn = async () => {
    const { error } = await resume({ id });
    if (error) sayRefusal(error);
    else say(`${name} is active. What was held goes out.`);
  };
  const enter = async () => {
    // Opened by the click itself, as browsers let nothing else open a tab.
    const tab = window.open('', '_blank');
    const input = { subject: me?.name ?? 'console', ttlSeconds: portalSeconds };
    const answer = await client.mutation(openPortal, { input }, { fetchOptions: { headers: headersFor(id) } }).toPromise();
    if (answer.error || answer.data === undefined) {
      tab?.close();
      return answer.error && sayRefusal(answer.error);
    }
    const { url } = answer.data.createPortalSession;
    if (tab !== null) {
      tab.opener = null;
      tab.location.replace(url);
      return undefined;
    }
    return notifications.show({
      title: `The portal of ${name}`,
      message: (
        <Anchor href={url} target="_blank" rel="noreferrer">
          Open it: the browser let no tab be opened
        </Anchor>
      ),
      autoClose: false,
    });
  };
  const mayAdminister = me?.role === 'ADMIN';
  return (
    <>
      <Menu position="bottom-end" width={200} withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${name}`}>
            <MoreIcon />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component="a" href={addressFor(id, '/endpoints')}>
            Show its endpoints
          </Menu.Item>
          {mayAdminister && <Menu.Item onClick={() => void enter()}>Open portal</Menu.Item>}
          {mayAdminister && <Menu.Item onClick={() => setDialog('limits')}>Limits</Menu.Item>}
          {mayAdminister && status === 'SUSPENDED' && <Menu.Item onClick={() => void goOn()}>Resume</Menu.Item>}
          {mayAdminister && status === 'ACTIVE' && id !== first && <Menu.Item onClick={() => setDialog('suspend')}>Suspend</Menu.Item>}
          {mayAdminister && id !== first && (
            <>
              <Menu.Divider />
              <Menu.Item color="red" onClick={() => setDialog('delete')}>
                Delete
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      {dialog === 'limits' && <LimitsDialog organization={organization} onClose={close} />}
      {dialog === 'suspend' && <SuspendDialog organization={organization} onClose={close} />}
      {dialog === 'delete' && <DeleteDialog organization={organization} onClose={close} />}
    </>
  );
};
