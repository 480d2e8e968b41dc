import { type sendUnaryData, type ServerUnaryCall, type ServiceError } from '@grpc/grpc-js';
import { ClusterInfo, EndPoint, MemberInfo } from '@eventstore/db-client/generated/gossip_pb';
import { SupportedMethod, SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb';
import type { Empty } from '@eventstore/db-client/generated/shared_pb';
import { failure, uuidOf } from './answers';
import type { Faults } from './faults';

const STREAMS = 'event_store.client.streams.streams';

export interface Features {
  /** What the double calls itself; it has the behaviours of 24.10.14. */
  readonly version: string;
}

/** ServerFeatures/GetSupportedMethods (Services/Transport/Grpc/ServerFeatures.cs): names in lower case. */
export const supportedMethods =
  ({ version }: Features, faults: Faults) =>
  (_call: ServerUnaryCall<Empty, SupportedMethods>, answer: sendUnaryData<SupportedMethods>): void => {
    faults.featuresAsked += 1;
    if (faults.silent) return;
    if (faults.featuresFail !== undefined) {
      answer(failure(faults.featuresFail, 'Failed on command') as ServiceError);
      return;
    }
    const method = (name: string, features: string[] = []): SupportedMethod =>
      new SupportedMethod().setServiceName(STREAMS).setMethodName(name).setFeaturesList(features);
    const methods = [
      ...[method('append'), method('read', ['position', 'events']), method('delete'), method('tombstone')],
      method('batchappend', ['deadline_duration']),
    ];
    answer(null, new SupportedMethods().setEventStoreServerVersion(version).setMethodsList(methods));
  };

/** Gossip/Read (Services/Transport/Grpc/Cluster.Gossip.cs): one leader, itself. */
export const gossip =
  (instanceId: string, port: () => number) =>
  (_call: ServerUnaryCall<Empty, ClusterInfo>, answer: sendUnaryData<ClusterInfo>): void => {
    const self = new MemberInfo()
      .setInstanceId(uuidOf(instanceId, false))
      .setTimeStamp((BigInt(Date.now()) * 10_000n).toString())
      .setState(MemberInfo.VNodeState.LEADER)
      .setIsAlive(true)
      .setHttpEndPoint(new EndPoint().setAddress('127.0.0.1').setPort(port()));
    answer(null, new ClusterInfo().setMembersList([self]));
  };
