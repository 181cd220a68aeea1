import { describeTransport } from './transport.js';
import { GrpcHarness, MemoryHarness } from './transport-harnesses.js';

describeTransport('gRPC', () => new GrpcHarness());
describeTransport('in memory', () => new MemoryHarness());
