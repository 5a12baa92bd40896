// The organization's logo and name at the head of the portal. The settings show the same as a preview.
type Props = { readonly name: string | null; readonly logo: string | null };

export const PortalHeader = ({ name, logo }: Props) =>
  name === null && logo === null ? null : (
    <div className="portal-header">
      {logo !== null && <img src={logo} alt={name === null ? 'Logo' : ''} className="portal-logo" />}
      {name !== null && (
        <span className="portal-name cut" title={name}>
          {name}
        </span>
      )}
    </div>
  );
