// What can be done to an endpoint: a menu in its row and on its page.
import { ActionIcon, Menu } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { useRights } from '../../api/rights.ts';
import { MoreIcon } from '../../components/icons.tsx';
import type { EndpointStatusName } from '../../components/Status.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { enableEndpoint, pauseEndpoint, resumeEndpoint, testEndpoint } from './endpoint-changes.ts';

const EndpointDialog = lazy(() => import('./EndpointDialogs.tsx').then(({ EndpointDialog: dialog }) => ({ default: dialog })));
const SkippedDialog = lazy(() => import('../endpoint/SkippedDialog.tsx').then(({ SkippedDialog: dialog }) => ({ default: dialog })));

type Actionable = { readonly id: string; readonly name: string; readonly status: EndpointStatusName };

const lists = ['Endpoint', 'Delivery'];

/** Whether there is anything that the caller may do to an endpoint. */
export const useHasActions = (): boolean => {
  const { may } = useRights();
  return may('MANAGE_ENDPOINTS') || may('SEND_TESTS');
};

export const EndpointActions = ({ endpoint: { id, name, status } }: { readonly endpoint: Actionable }) => {
  const navigate = useNavigate();
  const { isPortal, may, mayMakeEndpoints } = useRights();
  const hasActions = useHasActions();
  const mayManage = may('MANAGE_ENDPOINTS');
  const [test] = useChange(testEndpoint, lists);
  const [pause] = useChange(pauseEndpoint, lists);
  const [resume] = useChange(resumeEndpoint, lists);
  const [enable] = useChange(enableEndpoint, lists);
  const [asked, setAsked] = useState<'disable' | 'delete' | 'rotate'>();
  const [skipped, setSkipped] = useState(0);
  const run = async (change: (variables: { id: string }) => Promise<{ error: unknown }>, done: string) => {
    const { error } = (await change({ id })) as Awaited<ReturnType<typeof pause>>;
    if (error) sayRefusal(error);
    else say(done);
  };
  const sendTest = async () => {
    const { data, error } = await test({ id });
    if (error) return sayRefusal(error);
    return navigate({ to: '/deliveries/$deliveryId', params: { deliveryId: data.testEndpoint.id } });
  };
  const enableIt = async () => {
    const { data, error } = await enable({ id });
    if (error) return sayRefusal(error);
    say(`${name} is active. What waited goes out.`);
    return isPortal ? undefined : setSkipped(data.enableEndpoint.skippedSinceDisabled);
  };
  if (!hasActions) return null;
  return (
    <>
      <Menu position="bottom-end" width={180} withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${name}`}>
            <MoreIcon />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {mayManage && (
            <Menu.Item onClick={() => void navigate({ to: '/endpoints/$endpointId/edit', params: { endpointId: id } })}>Edit</Menu.Item>
          )}
          {may('SEND_TESTS') && <Menu.Item onClick={() => void sendTest()}>Test</Menu.Item>}
          {mayManage && (
            <>
              {status === 'ENABLED' && (
                <Menu.Item onClick={() => void run(pause, `${name} is paused. Its deliveries wait.`)}>Pause</Menu.Item>
              )}
              {status === 'PAUSED' && (
                <Menu.Item onClick={() => void run(resume, `${name} is active. What waited goes out.`)}>Resume</Menu.Item>
              )}
              {status === 'DISABLED' ? (
                <Menu.Item onClick={() => void enableIt()}>Enable</Menu.Item>
              ) : (
                <Menu.Item onClick={() => setAsked('disable')}>Disable</Menu.Item>
              )}
              <Menu.Item onClick={() => setAsked('rotate')}>Rotate secret</Menu.Item>
              {mayMakeEndpoints && (
                <Menu.Item onClick={() => void navigate({ to: '/endpoints/new', search: { from: id } })}>Duplicate</Menu.Item>
              )}
              <Menu.Divider />
              <Menu.Item color="red" onClick={() => setAsked('delete')}>
                Delete
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      <Suspense>
        {asked !== undefined && <EndpointDialog kind={asked} id={id} name={name} onClose={() => setAsked(undefined)} />}
        {skipped > 0 && <SkippedDialog id={id} name={name} count={skipped} onClose={() => setSkipped(0)} />}
      </Suspense>
    </>
  );
};
