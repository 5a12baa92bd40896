// The connection string: what is taken, and what is said of the rest.
import { describe, expect, it } from 'vitest';
import { InvalidConnectionString, nameOf, readCertificates, readConnection } from './connection.ts';

const host = (address: string, port = 2113) => ({ address, port });

describe('a connection string', () => {
  it.each<[string, object]>([
    ['esdb://localhost', { hosts: [host('localhost')], discover: false, tls: true, credentials: undefined, nodePreference: 'leader' }],
    ['esdb://localhost:2114/?tls=false', { hosts: [host('localhost', 2114)], tls: false }],
    ['kurrentdb://db.example:2113', { hosts: [host('db.example')], discover: false }],
    ['esdb+discover://cluster.example', { hosts: [host('cluster.example')], discover: true }],
    ['kurrentdb+discover://cluster.example', { hosts: [host('cluster.example')], discover: true }],
    ['esdb://a:1,b:2,c', { hosts: [host('a', 1), host('b', 2), host('c')] }],
    ['esdb://[::1]:2113', { hosts: [host('[::1]')] }],
    ['esdb://admin:changeit@localhost', { credentials: { username: 'admin', password: 'changeit' } }],
    ['esdb://a%40b:p%3Aq:r@s@localhost', { credentials: { username: 'a@b', password: 'p:q:r@s' }, hosts: [host('localhost')] }],
    ['esdb://a?NodePreference=Follower', { nodePreference: 'follower' }],
    ['esdb://a?nodePreference=read_only_replica', { nodePreference: 'read_only_replica' }],
    [
      'esdb://a?tlsCAFile=%2Fetc%2Fca.pem&keepAliveInterval=20000',
      { files: { tlsCAFile: '/etc/ca.pem' }, timing: { keepAliveInterval: 20_000 } },
    ],
  ])('reads %s', (url, expected) => expect(readConnection(url)).toMatchObject(expected));

  it.each<[string, RegExp]>([
    ['http://localhost:2113', /must begin with esdb:\/\/ or kurrentdb:\/\//],
    ['localhost:2113', /must begin with/],
    ['esdb://', /"" is none/],
    ['esdb://a:port', /"a:port" is none/],
    ['esdb://a:99999', /"a:99999" is none/],
    ['esdb://a,,b', /separated by commas/],
    ['esdb://admin@a', /a user and a password before the @/],
    ['esdb://admin:50%@a', /percent-encoded/],
    ['esdb+discover://a,b', /one host that stands for all nodes/],
    ['esdb://a?tls=no', /tls=true or tls=false/],
    ['esdb://a?tlsVerifyCert=false', /tlsCAFile instead/],
    ['esdb://a?throwOnAppendFailure=false', /must not have throwOnAppendFailure=false/],
    ['esdb://a?nodePreference=nearest', /one of leader, follower/],
    ['esdb://a?gossipTimeout=soon', /whole number in gossipTimeout/],
    ['esdb://a?userCertFile=x', /userCertFile and userKeyFile together/],
    ['esdb://a?colour=red', /unknown option "colour"/],
  ])('says what is wrong with %s', (url, sentence) => {
    expect(() => readConnection(url)).toThrow(InvalidConnectionString);
    expect(() => readConnection(url)).toThrow(sentence);
  });

  it('never repeats the password', () => {
    for (const url of ['esdb://admin:s3cret@a:port', 'esdb://admin:s3cret%@a', 'esdb://admin:s3cret@a?colour=red', 'es://admin:s3cret@a'])
      expect(() => readConnection(url)).toThrow(/^(?!.*s3cret)/);
    expect(nameOf(readConnection('esdb://admin:s3cret@a,b'))).toBe('esdb://a:2113,b:2113');
  });

  it('names the file that a certificate cannot be read from', () => {
    const connection = readConnection('esdb://a?tlsCAFile=%2Fnowhere%2Fca.pem');
    expect(() => readCertificates(connection)).toThrow(/names \/nowhere\/ca\.pem in tlsCAFile, which can't be read/);
  });
});
