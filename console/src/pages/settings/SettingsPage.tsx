// Settings: the integration signing key, API keys, and how the portal looks.
import '../../more-library.css';
import { Page } from '../../components/Page.tsx';
import { ApiKeys } from './ApiKeys.tsx';
import { PortalLook } from './PortalLook.tsx';
import { SigningKey } from './SigningKey.tsx';

export const SettingsPage = () => (
  <Page title="Settings" description="The keys of this organization, and how its portal looks.">
    <SigningKey />
    <ApiKeys />
    <PortalLook />
  </Page>
);
