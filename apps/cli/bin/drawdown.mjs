#!/usr/bin/env node
import { run } from '../../../scripts/run.mjs';

await run('cli', { quiet: true });
