import { serveThread } from '../serve-thread';
import { SqliteLog } from './sqlite-log';
import { type LogCalls, logCalls } from './sqlite-log-calls';

serveThread<LogCalls, { readonly file: string }>(({ file }) => logCalls(new SqliteLog(file)));
