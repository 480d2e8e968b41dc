import { snapshotsConformance } from '../snapshots.conformance';
import { inMemorySnapshots } from './snapshots';

snapshotsConformance(async () => inMemorySnapshots());
