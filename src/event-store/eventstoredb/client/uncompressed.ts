// Asks servers not to compress their answers. KurrentDB compresses them since 25.1, each message by itself, for every client that takes gzip; this
// costs both sides more than all the rest. The package's gRPC library always says that it takes gzip and has no setting for that, so the header is
// changed on its way. Only the client's thread imports this file.
import http2, { type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';

const accepted = 'grpc-accept-encoding';

const withoutCompression = (session: ClientHttp2Session): ClientHttp2Session => {
  const request = session.request.bind(session);
  return Object.assign(session, {
    request: (headers: OutgoingHttpHeaders, ...options: []) =>
      request(accepted in headers ? { ...headers, [accepted]: 'identity' } : headers, ...options),
  });
};

// gRPC takes `connect` from the module each time that it connects.
Object.assign(http2, {
  connect: new Proxy(http2.connect, {
    apply: (connect, self, given: Parameters<typeof http2.connect>) => withoutCompression(Reflect.apply(connect, self, given)),
  }),
});
