import { readDatabaseConformance } from '@drawdown/ports/testing';
import { openPgliteDatabase } from './pglite-database';

readDatabaseConformance(() => openPgliteDatabase(undefined));
