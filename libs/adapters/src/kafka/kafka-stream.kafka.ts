import { streamConformance } from '@drawdown/ports/testing';
import { openKafkaStream } from './kafka-stream';
import { sharedBroker } from './testing/shared-broker';

streamConformance(async () => openKafkaStream({ brokers: [sharedBroker()], clientId: 'conformance' }));
