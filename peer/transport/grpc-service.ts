/** The gRPC service as grpc-js takes it, its options, and the one place where credentials are made. */
import type { ServerHttp2Stream } from 'node:http2';
import {
  ChannelCredentials,
  type ChannelOptions,
  logVerbosity,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  setLogVerbosity,
} from '@grpc/grpc-js';

// gRPC writes to the console; what it has to say comes to us as errors and statuses too, and goes to our log.
setLogVerbosity(logVerbosity.NONE);

const MiB = 1024 * 1024;

/** How much may be on its way to us, on each stream, that we have not taken yet. */
export const WINDOW_BYTES = 8 * MiB;

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

/**
 * Opens the window for what the caller of an accepted stream sends. grpc-js has an option for that on the calling side
 * only, and leaves 64 KiB on this one: with those, values of 16 MiB came at 11 MiB/s for 47 ms of the sender's CPU a
 * MiB, where WINDOW_BYTES make 86 to 140 MiB/s and 3 ms. It hands out neither its stream nor its session, so we reach for them.
 */
export function widenWindow(call: ServerDuplexStream<Buffer, Buffer>): void {
  const { stream } = (call as unknown as { readonly call: { readonly stream: ServerHttp2Stream } }).call;
  stream.session?.setLocalWindowSize(WINDOW_BYTES);
  stream.session?.settings({ initialWindowSize: WINDOW_BYTES });
}

const COMMON_OPTIONS: ChannelOptions = {
  'grpc.max_send_message_length': 64 * MiB,
  'grpc.max_receive_message_length': 64 * MiB,
  // Silence is noticed by the heartbeats of the urgent lane (`connection.ts`); behind a large value in the bulk lane an
  // answer may take its time. These are for what is left of connections that we have given up.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 10_000,
};

export const SERVER_OPTIONS: ChannelOptions = {
  ...COMMON_OPTIONS,
  // A peer opens one on each connection.
  'grpc.max_concurrent_streams': 4,
  // Who connects and opens no stream is sent away.
  'grpc.max_connection_idle_ms': 10_000,
};

export const CHANNEL_OPTIONS: ChannelOptions = {
  ...COMMON_OPTIONS,
  'grpc-node.flow_control_window': WINDOW_BYTES,
  // A request that was sent is never sent again: gRPC must not do it behind our back, nor keep copies for it.
  'grpc.enable_retries': 0,
  // Reconnecting is ours (`dialer.ts`), so a channel must not share another's state of failing.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};
