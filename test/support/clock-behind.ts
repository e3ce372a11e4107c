/** Loaded before a program (`node --import`): its wall clock is an hour behind, as one that somebody has set back. */
const HOUR_MS = 3_600_000;
const { now } = Date;
Date.now = () => now() - HOUR_MS;
