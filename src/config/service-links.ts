// Kubernetes puts variables for each Service into the containers of its namespace. Those of a Service whose name begins with `hookledger` look like
// settings of ours: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables

const forms: readonly (readonly [name: RegExp, value: RegExp])[] = [
  [/_SERVICE_HOST$/, /^[\da-f.:]+$/i],
  [/_SERVICE_PORT(_[A-Z\d_]+)?$/, /^\d+$/],
  [/_PORT$/, /^(tcp|udp|sctp):\/\/\S+$/],
  [/_PORT_\d+_(TCP|UDP|SCTP)$/, /^(tcp|udp|sctp):\/\/\S+$/],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, /^(tcp|udp|sctp)$/],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PORT$/, /^\d+$/],
  [/_PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, /^[\da-f.:]+$/i],
];

/** By name and value: `HOOKLEDGER_PORT=tcp://10.0.0.1:3000` is Kubernetes's, `HOOKLEDGER_PORT=3000` is a setting. */
export const isServiceLink = (variable: string, value: string): boolean =>
  forms.some(([name, form]) => name.test(variable) && form.test(value));
