import { protocolConformance } from './protocol.conformance';
import { servers } from './testing/servers';

describe.each(servers())('the protocol of EventStoreDB on $name', protocolConformance);
