#!/usr/bin/env node
/**
 * The program `lattice-dr`. From an installed package it runs `dist/`; from a clone, which has `src/` beside it, it runs the sources (Node strips the
 * types), so that a clone needs no build.
 */
import { existsSync } from 'node:fs';
import { start } from './start.js';

start({ fromSource: existsSync(new URL('../src', import.meta.url)) });
