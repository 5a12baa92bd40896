// The endpoint as it was configured when an attempt was made, beside what it is now. Asked for only when somebody wants to see it.
import { Button, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { ConfigurationTable } from '../endpoint/ConfigurationTable.tsx';
import { differencesOf, fieldsOf } from '../endpoint/configuration.ts';
import { attemptConfigurations } from './delivery.query.ts';

type Props = { readonly deliveryId: string; readonly number: number };

export const AttemptConfiguration = (props: Props) => {
  const [isOpen, { toggle }] = useDisclosure(false);
  return (
    <>
      <Button size="compact-xs" variant="default" style={{ alignSelf: 'start' }} aria-expanded={isOpen} onClick={toggle}>
        {isOpen ? 'Hide configuration' : 'Show configuration'}
      </Button>
      {isOpen && <Configurations {...props} />}
    </>
  );
};

const Configurations = ({ deliveryId, number }: Props) => {
  const { isPortal } = useRights();
  const { data, error, askAgain } = useAsk(attemptConfigurations, { id: deliveryId });
  if (error && !data) return <Failure error={error} onRetry={askAgain} />;
  if (!data) return <SkeletonRows rows={4} />;
  const now = data.delivery?.endpoint;
  const then = data.delivery?.attempts.find((attempt) => attempt.number === number)?.configuration;
  if (!now || !then) return <Text size="sm">It is not recorded.</Text>;
  const differences = new Map(differencesOf(then, now).map((each) => [each.name, each.now]));
  return (
    <>
      <Text size="sm">
        {differences.size === 0
          ? 'It is the same now. '
          : `${differences.size === 1 ? 'One field is' : `${differences.size} fields are`} different now. `}
        {!isPortal && (
          <LinkTo to="/endpoints/$endpointId" params={{ endpointId: now.id }} search={{ tab: 'history' }} size="sm">
            Show all changes
          </LinkTo>
        )}
      </Text>
      <ConfigurationTable
        label={`Configuration of attempt ${number}`}
        rows={fieldsOf(then).map((field) => ({ ...field, now: differences.get(field.name) }))}
      />
    </>
  );
};
