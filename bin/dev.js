#!/usr/bin/env node
/** Runs `src/`, also where a build is present. */
import { start } from './start.js';

start({ fromSource: true });
