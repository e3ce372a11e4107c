import { Environment, type ParseError, type EvaluationError } from '@marcbachmann/cel-js';
import type { JsonObject, JsonValue } from '../model/json.ts';
