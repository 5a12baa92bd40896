// Who is signed in, and signing out.
import { Button, Menu, Text } from '@mantine/core';
import { signOut } from '../api/session.ts';
import { useAsk } from '../api/use-ask.ts';
import { graphql } from '../api/graphql.ts';
import { Moment } from '../components/Moment.tsx';
import { PersonIcon } from '../components/icons.tsx';

const accountQuery = graphql(`
  query Account {
    me {
      name
      role
      expiresAt
      organization {
        id
        name
      }
    }
  }
`);

export const Account = () => {
  const { data } = useAsk(accountQuery, {});
  const leave = async () => {
    await signOut();
    location.assign('/sign-in');
  };
  return (
    <Menu position="bottom-end" width={240} withinPortal>
      <Menu.Target>
        <Button variant="subtle" color="gray" leftSection={<PersonIcon />} maw={200} aria-label={`Account ${data?.me.name ?? ''}`}>
          <span className="cut account-name">{data?.me.name ?? ''}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="xs" className="wrap">
            Organization {data?.me.organization.name} ({data?.me.organization.id})
          </Text>
          <Text size="xs" className="wrap">
            API key {data?.me.name}, {data?.me.role?.toLowerCase()}
            {data?.me.expiresAt && (
              <>
                , expires <Moment at={data.me.expiresAt} />
              </>
            )}
          </Text>
        </Menu.Label>
        <Menu.Item onClick={() => void leave()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
};
