/** The gRPC service as grpc-js takes it, its options, and the one place where credentials are made. */
import {
  ChannelCredentials,
  type ChannelOptions,
  logVerbosity,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
} from '@grpc/grpc-js';

// gRPC writes to the console; what it has to say comes to us as errors and statuses too, and goes to our log.
setLogVerbosity(logVerbosity.NONE);

const MiB = 1024 * 1024;

/** `covey.peer.v1.Peer/Exchange` of `peer.proto`; connections encode and decode themselves (`connection.ts`). */
export const EXCHANGE_PATH = '/covey.peer.v1.Peer/Exchange';

export const PEER_SERVICE: ServiceDefinition = {
  exchange: {
    path: EXCHANGE_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  },
};

/** The bytes of a batch, as they are. */
export function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

/** TLS will be made here. */
export function serverCredentials(): ServerCredentials {
  return ServerCredentials.createInsecure();
}

/** TLS will be made here. */
export function channelCredentials(): ChannelCredentials {
  return ChannelCredentials.createInsecure();
}

const COMMON_OPTIONS: ChannelOptions = {
  'grpc.max_send_message_length': 64 * MiB,
  'grpc.max_receive_message_length': 64 * MiB,
  // A peer that does not answer a ping is gone: noticed after 1.8 s at the latest.
  'grpc.keepalive_time_ms': 800,
  'grpc.keepalive_timeout_ms': 1000,
};

export const SERVER_OPTIONS: ChannelOptions = {
  ...COMMON_OPTIONS,
  // A peer opens one.
  'grpc.max_concurrent_streams': 4,
  // Who connects and opens no stream is sent away.
  'grpc.max_connection_idle_ms': 10_000,
};

export const CHANNEL_OPTIONS: ChannelOptions = {
  ...COMMON_OPTIONS,
  'grpc-node.flow_control_window': 8 * MiB,
  // A request that was sent is never sent again: gRPC must not do it behind our back, nor keep copies for it.
  'grpc.enable_retries': 0,
  // Reconnecting is ours (`dialer.ts`), so a channel must not share another's state of failing.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};
