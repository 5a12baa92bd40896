// Settings: the integration signing key, and API keys.
import '../../more-library.css';
import { Page } from '../../components/Page.tsx';
import { ApiKeys } from './ApiKeys.tsx';
import { SigningKey } from './SigningKey.tsx';

export const SettingsPage = () => (
  <Page title="Settings" description="The keys of this organization.">
    <SigningKey />
    <ApiKeys />
  </Page>
);
