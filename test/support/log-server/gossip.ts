// What the double's Gossip service answers.
import { randomUUID } from 'node:crypto';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { Member } from './services.ts';

export const clusterInfoOf = (members: readonly Member[]): gossip.ClusterInfo => {
  const info = new gossip.ClusterInfo();
  info.setMembersList(
    members.map(({ address, port, leads }) => {
      const endPoint = new gossip.EndPoint();
      endPoint.setAddress(address);
      endPoint.setPort(port);
      const id = new shared.UUID();
      id.setString(randomUUID());
      const member = new gossip.MemberInfo();
      member.setInstanceId(id);
      member.setTimeStamp('0');
      member.setState(leads ? gossip.MemberInfo.VNodeState.LEADER : gossip.MemberInfo.VNodeState.FOLLOWER);
      member.setIsAlive(true);
      member.setHttpEndPoint(endPoint);
      return member;
    }),
  );
  return info;
};
