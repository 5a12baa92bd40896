// The way back from paused or disabled, as a button.
import { Button } from '@mantine/core';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { enableEndpoint, resumeEndpoint } from './endpoint-changes.ts';

type Props = { readonly endpoint: { readonly id: string; readonly name: string }; readonly to: 'ENABLED' | 'RESUMED' };

export const StatusChange = ({ endpoint: { id, name }, to }: Props) => {
  const [enable, isEnabling] = useChange(enableEndpoint, ['Endpoint', 'Delivery']);
  const [resume, isResuming] = useChange(resumeEndpoint, ['Endpoint', 'Delivery']);
  const run = async () => {
    const { error } = await (to === 'ENABLED' ? enable({ id }) : resume({ id }));
    if (error) sayRefusal(error);
    else say(`${name} is active. What waited goes out.`);
  };
  return (
    <Button size="xs" loading={isEnabling || isResuming} onClick={() => void run()}>
      {to === 'ENABLED' ? 'Enable' : 'Resume'}
    </Button>
  );
};
