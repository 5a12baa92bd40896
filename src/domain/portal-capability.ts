// What a portal session may do besides viewing endpoints, the types of messages, and deliveries.
export const portalCapabilities = ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'VIEW_SECRETS', 'SEND_TESTS', 'RETRY'] as const;
export type PortalCapability = (typeof portalCapabilities)[number];
