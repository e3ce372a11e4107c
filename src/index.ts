/**
 * The library behind the program: operations that take plans, ports and a store, and give results; nothing here prints, exits or reads the environment.
 * What is not named here may change at any time.
 */
export { type Decisions, NO_DECISIONS } from './engine/decisions.ts';
export type { RunEvent, RunEventSink, StepState } from './engine/events.ts';
export { type GateAnswer, type GateQuestion, NOBODY, type Prompter } from './engine/prompter.ts';
export type { OwnerEnvironment, RunEnvironment, RunResult, StepResult } from './engine/run-options.ts';
export type { Effect, Observation, ReadContext, StepCatalogue, StepContext, StepKind, Verification } from './engine/step.ts';
export { ERROR_CODES, type ErrorCode, type ErrorKind, EXIT_CODES } from './errors/codes.ts';
export { DrError, isDrError } from './errors/dr-error.ts';
export { HOLD_KINDS, type Hold } from './model/hold.ts';
export { type AcceptedRequest, type AskTools, askRun, type RunAsk, type Signer } from './operations/ask-run.ts';
export { decide, type GateDecision, type StandingGate } from './operations/decide.ts';
export { type FollowedRun, type FollowTools, followRun } from './operations/follow-run.ts';
export { type HoldList, listHolds } from './operations/holds.ts';
export { listAllRuns, type RunList } from './operations/list-runs.ts';
export { type PlanTools, planRun, type RunPlan, type StepPlan } from './operations/plan-run.ts';
export type { InputFile, RunRequest } from './operations/prepare-run.ts';
export { rebuild } from './operations/rebuild.ts';
export { type ReleaseRequest, type ReleaseResult, type ReleaseTools, release } from './operations/release.ts';
export { type ResumeRequest, resume } from './operations/resume.ts';
export { type RunReport, reportRun } from './operations/run-report.ts';
export { type RunStatus, runStatus } from './operations/run-status.ts';
export { type ValidResult, validate } from './operations/validate.ts';
export { createExpressionEvaluator } from './runbook/expressions.ts';
export { catalogue } from './steps/catalogue.ts';
export type { StepPorts } from './steps/ports.ts';
